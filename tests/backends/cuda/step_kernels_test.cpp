// SPDX-License-Identifier: MIT
/// The kernels of a sampler step: every schedule, memory of exact size, and numbers passed by value
/// against numbers from a table.
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <scoresde/state/host_state.hpp>
#include <scoresde/state/masked.hpp>

#include "kernels/assign_kernel.hpp"
#include "kernels/copy_row_kernel.hpp"
#include "kernels/draw_sum_kernel.hpp"
#include "kernels/finite_kernel.hpp"
#include "kernels/float4.hpp"
#include "kernels/langevin_kernel.hpp"
#include "kernels/masked_assign_kernel.hpp"
#include "kernels/reduction_terms.hpp"
#include "kernels/step_row.hpp"
#include "kernels/sum_kernel.hpp"
#include "support/catch.hpp"
#include "support/cuda_emulation.hpp"

using namespace scoresde;
using namespace scoresde::cuda;
using scoresde::testing::emulate;
using scoresde::testing::every_schedule;

namespace {

constexpr NoiseDraw draw = Noise{.seed = 42, .first_sample = 9}.draw(1000);

template <class T>
std::vector<T> some_values(std::size_t count, std::uint64_t tag) {
  std::vector<T> values(count);
  for (std::size_t i = 0; i < count; ++i)
    values[i] = static_cast<T>(2 * uniform(Noise{.seed = 8}.draw(tag), 0, i) - 1);
  return values;
}

/// A table of three rows; the numbers of the call are in the second, from index 2 on.
struct Table {
  std::vector<double> numbers;
  std::vector<double> rows;
  RunState run{draw.seed, draw.first_sample, 1};
  StepRow row;

  explicit Table(std::vector<double> given) : numbers(std::move(given)) {
    const std::size_t stride = numbers.size() + 3;
    rows.assign(3 * stride, std::nan(""));
    std::copy(numbers.begin(), numbers.end(),
              rows.begin() + static_cast<std::ptrdiff_t>(stride + 2));
    row = {rows.data(), &run, stride, 2};
  }
  Table(const Table&) = delete;
};

double index_number(NoiseDraw z) { return std::bit_cast<double>(z.index); }

const Float4Shape shapes[] = {{1, 1}, {3, 5}, {2, 8}, {70, 3}, {2, 511}, {2, 513}, {1, 8200}};

}  // namespace

TEST_CASE("groups have four elements, fewer at the end of a sample", "[emulated]") {
  const Float4Shape shape{2, 6};
  CHECK(shape.float4s() == 2);
  CHECK(shape.total() == 4);
  CHECK(shape.count(0) == 4);
  CHECK(shape.count(1) == 2);
  const auto x = some_values<float>(12, 0);
  const Float4<float> end = load_float4(x.data(), shape, 1, 1);
  CHECK((end.value[0] == x[10] && end.value[1] == x[11] && end.value[2] == 0 && end.value[3] == 0));
  std::vector<float> y(12, -1);
  store_float4(y.data(), shape, 0, 1, end);
  CHECK((y[3] == -1 && y[4] == x[10] && y[5] == x[11] && y[6] == -1));
  for (std::uint32_t at4 = 0; at4 < 5; ++at4) {
    std::vector<float> z(4);
    fill_normal(z, draw, 3, 4 * at4);
    const Float4<float> drawn = normal_float4(draw, 3, at4);
    CHECK(std::equal(z.begin(), z.end(), drawn.value));
  }
}

TEMPLATE_TEST_CASE("updates by value, from a table and with per-sample coefficients are identical",
                   "[emulated]", float, double) {
  for (const Float4Shape shape : shapes) {
    const std::size_t size = std::size_t{shape.samples} * shape.dim;
    const auto x = some_values<TestType>(size, 1), y = some_values<TestType>(size, 2);
    AssignKernel<TestType, 3, true> kernel{};
    std::vector<TestType> wanted(size), found(size);
    kernel.shape = shape;
    kernel.out = wanted.data();
    kernel.count = 2;
    kernel.state[0] = x.data();
    kernel.state[1] = y.data();
    kernel.coefficient[0] = static_cast<TestType>(0.3);
    kernel.coefficient[1] = static_cast<TestType>(-1.7);
    kernel.noise = static_cast<TestType>(0.1);
    kernel.draw = {draw, {}, 0};
    emulate(kernel);
    kernel.out = found.data();
    for (const auto& schedule : every_schedule) {
      std::fill(found.begin(), found.end(), TestType(0));
      emulate(kernel, schedule);
      CHECK(found == wanted);
    }
    const Table table({0.3, -1.7, 0.1, index_number(draw)});
    kernel.coefficient[0] = kernel.coefficient[1] = kernel.noise = static_cast<TestType>(NAN);
    kernel.draw = {{}, table.row, 3};
    emulate(kernel);
    CHECK(found == wanted);
    std::vector<double> rows;
    for (const double c : {0.3, -1.7, 0.1}) rows.insert(rows.end(), shape.samples, c);
    kernel.draw = {draw, {}, 0};
    kernel.rows = {rows.data()};
    emulate(kernel);
    CHECK(found == wanted);
  }
}

TEMPLATE_TEST_CASE("a masked update equals the host's under every schedule", "[emulated]", float,
                   double) {
  using State = HostState<TestType>;
  for (const Float4Shape shape : shapes) {
    const Extents extents{shape.samples, shape.dim};
    const State x(extents, some_values<TestType>(extents.size(), 1));
    const State z(extents, some_values<TestType>(extents.size(), 2));
    const State before(extents, some_values<TestType>(extents.size(), 3));
    State mask(extents), found(extents);
    for (std::size_t i = 0; i < mask.size(); ++i) mask.data()[i] = i % 3 == 0 ? 0 : 1;
    MaskedAssignKernel<TestType> kernel{};
    kernel.shape = shape;
    kernel.mask = mask.data();
    const auto check = [&](const State& wanted) {
      for (const auto& schedule : every_schedule) {
        found = before;
        kernel.out = found.data();
        emulate(kernel, schedule);
        CHECK(std::equal(found.span().begin(), found.span().end(), wanted.span().begin()));
      }
    };
    kernel.count = 1;
    kernel.state[0] = x.data();
    kernel.coefficient[0] = static_cast<TestType>(0.3);
    State wanted = before;
    assign_where(wanted, mask, {0.3, x});
    check(wanted);
    kernel.noise = static_cast<TestType>(0.7);
    kernel.draw = draw;
    wanted = before;
    assign_where(wanted, mask, {0.3, x}, NoiseTerm{0.7, draw});
    CHECK(wanted.data()[0] == before.data()[0]);
    check(wanted);
    kernel.noise = 0;
    kernel.count = 2;
    kernel.state[0] = z.data();
    kernel.coefficient[0] = static_cast<TestType>(0.7);
    kernel.state[1] = x.data();
    kernel.coefficient[1] = static_cast<TestType>(0.3);
    wanted = before;
    assign_where(wanted, mask, {0.3, x}, {0.7, z});
    check(wanted);
  }
}

TEST_CASE("sums by warps, blocks and chunks are identical under every schedule", "[emulated]") {
  for (const Float4Shape shape : shapes) {
    const auto x = some_values<float>(std::size_t{shape.samples} * shape.dim, 3);
    const unsigned chunks = sum_chunks(shape);
    CHECK(chunks == (shape.dim == 8200 ? 2 : 1));
    const auto run = [&](const auto& schedule) {
      std::vector<double> partial(std::size_t{shape.samples} * chunks), out(shape.samples);
      emulate(
          SumKernel<Product<float>>{
              shape, chunks, {x.data(), x.data()}, SumFinish::root_mean, partial.data()},
          schedule);
      if (chunks == 1) return partial;
      emulate(ChunkSumKernel{partial.data(), out.data(), shape.samples, chunks, shape.dim,
                             SumFinish::root_mean},
              schedule);
      return out;
    };
    const auto first = run(every_schedule[0]);
    for (unsigned k = 0; k < shape.samples; ++k) {
      double sum = 0;
      for (unsigned e = 0; e < shape.dim; ++e)
        sum += double(x[k * shape.dim + e]) * double(x[k * shape.dim + e]);
      CHECK(first[k] == Approx(std::sqrt(sum / shape.dim)).epsilon(1e-13));
    }
    for (const auto& schedule : every_schedule) CHECK(run(schedule) == first);
  }
}

TEST_CASE("a Langevin step follows its rule, with arguments and from a table", "[emulated]") {
  const LangevinRule rule{0.2, 1.5};
  const double p = -0.3, q = 1.25;
  for (const unsigned samples : {1u, 31u, 300u})
    for (const bool batch_mean : {false, true}) {
      auto norms = some_values<double>(2 * std::size_t{samples}, 4);
      for (double& norm : norms) norm = 1.5 + norm;
      norms[samples / 2] = batch_mean ? 2 : 0;
      Norms mean{};
      for (unsigned k = 0; k < samples; ++k) {
        mean.score += norms[k] / samples;
        mean.noise += norms[samples + k] / samples;
      }
      std::vector<double> wanted(3 * std::size_t{samples}), found(wanted);
      LangevinKernel kernel{norms.data(), samples, p, q, rule, batch_mean, {}, wanted.data()};
      emulate(kernel);
      for (unsigned k = 0; k < samples; ++k) {
        const StepCoefficients step = rule(batch_mean ? mean : Norms{norms[k], norms[samples + k]});
        CHECK(wanted[k] == Approx(step.state + step.score * p).epsilon(1e-13));
        CHECK(wanted[samples + k] == Approx(step.score * q).epsilon(1e-13));
        CHECK(wanted[2 * samples + k] == Approx(step.noise).epsilon(1e-13));
      }
      const Table table({p, q, rule.snr, rule.scale, index_number(draw)});
      kernel = {norms.data(), samples, NAN, NAN, {}, batch_mean, table.row, found.data()};
      for (const auto& schedule : every_schedule) {
        emulate(kernel, schedule);
        CHECK(found == wanted);
      }
    }
}

TEST_CASE("the norms of a Langevin step match those of the linear combination and the draw",
          "[emulated]") {
  for (const Float4Shape shape : shapes) {
    const std::size_t size = std::size_t{shape.samples} * shape.dim;
    const auto x = some_values<double>(size, 5), f = some_values<double>(size, 6);
    const unsigned chunks = sum_chunks(shape);
    const std::size_t row = std::size_t{shape.samples} * chunks;
    const auto sums = [&](const LangevinSquares<double>& squares) {
      std::vector<double> out(2 * row);
      emulate(
          SumKernel<LangevinSquares<double>>{shape, chunks, squares, SumFinish::sum, out.data()});
      return out;
    };
    const auto both = sums({x.data(), f.data(), nullptr, 0.5, -2, {draw, {}, 0}});
    std::vector<double> form(row), noise(row);
    emulate(SumKernel<FormSquare<double>>{
        shape, chunks, {2, {x.data(), f.data()}, {0.5, -2}}, SumFinish::sum, form.data()});
    emulate(SumKernel<DrawSquare>{shape, chunks, {draw}, SumFinish::sum, noise.data()});
    for (std::size_t i = 0; i < row; ++i) {
      CHECK(both[i] == Approx(form[i]).epsilon(1e-14));
      CHECK(both[row + i] == noise[i]);
    }
    const Table table({0.5, -2, 7, 8, index_number(draw)});
    CHECK(sums({x.data(), f.data(), nullptr, NAN, NAN, {{}, table.row, 4}}) == both);
    HostState<double> z({shape.samples, shape.dim});
    backend(z).assign(z, std::span<const Term<HostState<double>>>(), NoiseTerm{1, draw});
    CHECK(sums({x.data(), f.data(), z.data(), 0.5, -2, {}}) == both);
    // Terms with coefficient 0 are not read.
    CHECK(sums({nullptr, f.data(), z.data(), 0, 1, {}})[0] > 0);
  }
}

TEST_CASE("the scaled error uses the larger state and no element past the end", "[emulated]") {
  const Float4Shape shape{1, 3};
  const std::vector<float> error{1, 2, -3}, x{-4, 1, 0}, y{2, -5, 0};
  double found = 0;
  emulate(SumKernel<ScaledSquare<float>>{
      shape, 1, {error.data(), x.data(), y.data(), 0.5, 0.1}, SumFinish::sum, &found});
  CHECK(found == Approx(1 / 0.81 + 4.0 + 36.0));
  const std::vector<float> ones(3, 1);
  emulate(SumKernel<ScaledSquare<float>>{
      shape, 1, {error.data(), ones.data(), ones.data(), 0, 1}, SumFinish::sum, &found});
  CHECK(found == Approx(14));
}

TEST_CASE("a sum of draws is bit-identical to consecutive updates", "[emulated]") {
  for (const Float4Shape shape : {Float4Shape{3, 5}, {2, 64}}) {
    HostState<float> wanted({shape.samples, shape.dim});
    DrawSumKernel<float> kernel{};
    std::vector<float> found(wanted.size());
    kernel.shape = shape;
    kernel.out = found.data();
    const Term<HostState<float>> sum{1, &wanted};
    for (unsigned d = 0; d < DrawSumKernel<float>::max_draws; ++d) {
      kernel.coefficient[d] = d == 5 ? 0 : std::cos(1.0 + d);
      kernel.draw[d] = Noise{.seed = 6, .purpose = Purpose::brownian}.draw(3 * d);
      backend(wanted).assign(wanted, std::span<const Term<HostState<float>>>(&sum, d > 0 ? 1 : 0),
                             NoiseTerm{kernel.coefficient[d], kernel.draw[d]});
      kernel.count = d + 1;
    }
    emulate(kernel);
    CHECK(std::equal(found.begin(), found.end(), wanted.data()));
  }
}

TEST_CASE("a finite check reports the first sample that is not finite", "[emulated]") {
  for (const unsigned samples : {1u, 40u, 1000u}) {
    const Table table({2.0});
    std::vector<double> values(samples, 1.0);
    const auto flag = [&](const auto& schedule) {
      std::vector<unsigned> flags(4, 0);
      emulate(FiniteKernel{values.data(), samples, table.row, flags.data()}, schedule);
      CHECK((flags[0] == 0 && flags[1] == 0 && flags[3] == 0));
      return flags[2];
    };
    for (const auto& schedule : every_schedule) CHECK(flag(schedule) == 0);
    values[samples - 1] = INFINITY;
    for (const auto& schedule : every_schedule) CHECK(flag(schedule) == samples);
    values[samples / 2] = NAN;
    for (const auto& schedule : every_schedule) CHECK(flag(schedule) == samples / 2 + 1);
  }
}

TEST_CASE("the numbers of a step are copied for the model, and the step counter advances",
          "[emulated]") {
  Table table({1.5, -2.5, 3.5});
  std::vector<double> conditioning(3);
  emulate(CopyRowKernel{table.row, conditioning.data(), 3});
  CHECK(conditioning == table.numbers);
  emulate(CopyRowKernel{table.row.after(1), conditioning.data(), 2});
  CHECK(conditioning == std::vector<double>{-2.5, 3.5, 3.5});
  emulate(AdvanceKernel{&table.run});
  CHECK(table.run.step == 2);
  CHECK(DrawSource{draw, {}, 0}.get().index == draw.index);
}
