// SPDX-License-Identifier: MIT
/// The kernels of linear operators under every schedule, in memory of exact size.
#include <cstddef>
#include <cstdint>
#include <vector>

#include <scoresde/state/element_terms.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/state/select_samples.hpp>

#include "backends/eigen/finite_differences.hpp"
#include "kernels/element_assign_kernel.hpp"
#include "kernels/select_samples_kernel.hpp"
#include "kernels/sparse_product_kernel.hpp"
#include "support/catch.hpp"
#include "support/cuda_emulation.hpp"

using namespace scoresde;
using scoresde::test::not_a_number;
using scoresde::test::random_values;
using scoresde::testing::emulate;
using scoresde::testing::every_schedule;

namespace {

const std::vector<Extents> shapes{{1, 1}, {3, 5}, {2, 8}, {5, 70}, {2, 259}};

cuda::Float4Shape float4s(Extents shape) {
  return {static_cast<unsigned>(shape.samples), static_cast<unsigned>(shape.dim)};
}

/// A matrix of which row i has i mod 7 entries of each 7, so also empty and full rows.
struct Matrix {
  std::vector<std::uint32_t> starts{0}, indices{};
  std::vector<double> values{};

  Matrix(std::size_t rows, std::size_t columns) {
    const auto numbers = random_values<double>(rows * columns, 5);
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t j = 0; j < columns; ++j)
        if ((i + 3 * j) % 7 < i % 8) {
          indices.push_back(static_cast<std::uint32_t>(j));
          values.push_back(numbers[i * columns + j]);
        }
      starts.push_back(static_cast<std::uint32_t>(indices.size()));
    }
  }
};

}  // namespace

TEMPLATE_TEST_CASE("a sparse product is that in double under every schedule", "[emulated]", float,
                   double) {
  for (const auto& [samples, columns] : shapes)
    for (const std::size_t rows : {1, 9, 33}) {
      CAPTURE(samples, columns, rows);
      const Matrix matrix(rows, columns);
      const auto x = random_values<TestType>(samples * columns, 1);
      std::vector<double> wanted(samples * rows);
      for (std::size_t k = 0; k < samples; ++k)
        for (std::size_t i = 0; i < rows; ++i)
          for (std::uint32_t at = matrix.starts[i]; at < matrix.starts[i + 1]; ++at)
            wanted[k * rows + i] +=
                matrix.values[at] * static_cast<double>(x[k * columns + matrix.indices[at]]);
      std::vector<TestType> first;
      for (const auto& schedule : every_schedule) {
        std::vector<TestType> found = not_a_number<TestType>(samples * rows);
        emulate(
            cuda::SparseProduct<TestType>{
                {static_cast<std::uint32_t>(rows), static_cast<std::uint32_t>(columns),
                 matrix.starts.data(), matrix.indices.data(), matrix.values.data()},
                static_cast<unsigned>(samples),
                x.data(),
                found.data()},
            schedule);
        for (std::size_t i = 0; i < wanted.size(); ++i)
          CHECK(static_cast<double>(found[i]) ==
                Approx(wanted[i]).epsilon(sizeof(TestType) == 4 ? 1e-7 : 1e-13).margin(1e-13));
        if (first.empty()) first = found;
        CHECK(found == first);
      }
    }
}

TEMPLATE_TEST_CASE("forms with coefficients per element and selections equal the host's",
                   "[emulated]", float, double) {
  using State = HostState<TestType>;
  for (const Extents shape : shapes) {
    CAPTURE(shape.samples, shape.dim);
    std::vector<State> x;
    std::vector<double> table;
    for (std::uint64_t j = 0; j < 4; ++j) {
      x.emplace_back(shape, random_values<TestType>(shape.size(), j));
      const auto c = random_values<double>(shape.dim, 10 + j);
      table.insert(table.end(), c.begin(), c.end());
    }
    const auto c = [&](std::size_t j) {
      return std::span<const double>(table).subspan(j * shape.dim, shape.dim);
    };
    State wanted(shape);
    assign_by_element(wanted, {{c(0), x[0]}, {c(1), x[1]}, {c(2), x[2]}, {c(3), x[3]}});
    cuda::ElementAssignKernel<TestType> kernel{float4s(shape), nullptr, 4, {}, table.data()};
    for (std::size_t j = 0; j < 4; ++j) kernel.state[j] = x[j].data();
    std::vector<std::uint32_t> rows(shape.samples);
    for (std::size_t k = 0; k < rows.size(); ++k)
      rows[k] = static_cast<std::uint32_t>((k * k + 1) % shape.samples);
    State selected(shape);
    select_samples(selected, x[1], std::span<const std::uint32_t>(rows));
    for (const auto& schedule : every_schedule) {
      State found(shape, not_a_number<TestType>(shape.size()));
      kernel.out = found.data();
      emulate(kernel, schedule);
      for (std::size_t i = 0; i < found.size(); ++i)
        CHECK(found.data()[i] == Approx(wanted.data()[i]).epsilon(1e-7).margin(1e-15));
      emulate(cuda::SelectSamplesKernel<TestType>{float4s(shape), x[1].data(), rows.data(),
                                                  found.data()},
              schedule);
      CHECK(std::equal(found.span().begin(), found.span().end(), selected.span().begin()));
    }
  }
}
