// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <scoresde/state/detail/host_elementwise.hpp>
#include <scoresde/state/host_state.hpp>

#include "support/catch.hpp"

using namespace scoresde;

namespace {

template <class T>
HostState<T> draw_state(Extents shape, std::uint64_t index) {
  HostState<T> x(shape);
  backend(x).assign(x, std::span<const Term<HostState<T>>>(),
                    NoiseTerm{1, Noise{.seed = 21}.draw(index)});
  return x;
}

/// The quantile by sorting.
template <class T>
double sorted_quantile(std::vector<T> x, double q) {
  for (T& value : x) value = std::abs(value);
  std::sort(x.begin(), x.end());
  const double rank = q * double(x.size() - 1);
  const auto low = std::size_t(rank);
  const double a = x[low], b = x[std::min(low + 1, x.size() - 1)];
  return a + (rank - double(low)) * (b - a);
}

}  // namespace

TEMPLATE_TEST_CASE("the noise of transform is bit-identical to that of assign in every dimension",
                   "", float, double) {
  using X = HostState<TestType>;
  const NoiseDraw draw = Noise{.seed = 6, .first_sample = 5}.draw(9);
  for (const Extents shape : {Extents{300, 1}, Extents{77, 5}, Extents{3, 64}, Extents{2, 1001}}) {
    X assigned(shape), transformed(shape), recorded(shape);
    backend(assigned).assign(assigned, std::span<const Term<X>>(), NoiseTerm{1, draw});
    backend(transformed)
        .transform(
            transformed, [](ElementIndex, auto z) { return z; }, draw);
    const auto three_times = [](ElementIndex, auto x, auto z) { return x + 2 * z; };
    backend(recorded).transform(recorded, three_times, assigned, assigned);
    backend(transformed).transform(transformed, three_times, transformed, draw);
    for (std::size_t i = 0; i < shape.size(); ++i) {
      REQUIRE(transformed.data()[i] == 3 * assigned.data()[i]);
      REQUIRE(recorded.data()[i] == transformed.data()[i]);
    }
  }
}

TEST_CASE("a function of doubles computes in double, a generic one in the state's scalar type") {
  HostState<float> x({1, 1}, {1.0f}), out({1, 1});
  backend(x).transform(
      out, [](ElementIndex, double v) { return v + 0x1p-30 - 1; }, x);
  CHECK(out(0, 0) == 0x1p-30f);
  backend(x).transform(
      out, [](ElementIndex, auto v) { return v + decltype(v)(0x1p-30) - 1; }, x);
  CHECK(out(0, 0) == 0);
}

TEST_CASE("transform works without inputs and visits each element once") {
  HostState<double> out({3, 300});
  std::vector<int> calls(900);
  int* const count = calls.data();
  const auto index = [count](ElementIndex at) {
    ++count[at.sample * 300 + at.element];
    return 1000.0 * double(at.sample) + double(at.element);
  };
  backend(out).transform(out, index);
  CHECK(std::count(calls.begin(), calls.end(), 1) == 900);
  for (std::size_t k = 0; k < 3; ++k)
    for (std::size_t e = 0; e < 300; ++e) REQUIRE(out(k, e) == 1000.0 * double(k) + double(e));
}

TEMPLATE_TEST_CASE("the quantile of the absolute values is exactly that of the sorted numbers", "",
                   float, double) {
  for (const std::size_t dim : {1, 2, 3, 10, 257, 1000}) {
    const auto x = draw_state<TestType>({4, dim}, dim);
    for (const double q : {0.0, 0.001, 0.25, 0.5, 0.9, 0.995, 1.0}) {
      std::vector<double> found(4);
      backend(x).absolute_quantile(x, q, std::span<double>(found));
      for (std::size_t k = 0; k < 4; ++k)
        CHECK(found[k] == sorted_quantile(std::vector<TestType>(x[k].begin(), x[k].end()), q));
    }
  }
}

TEMPLATE_TEST_CASE("quantiles of equal, zero, tiny and infinite numbers are exact", "", float,
                   double) {
  const TestType tiny = std::numeric_limits<TestType>::denorm_min();
  const TestType infinite = std::numeric_limits<TestType>::infinity();
  const std::vector<TestType> x{-2, 0, 2, -0.0, tiny, -tiny, 1, 2, -infinite};
  const auto quantile = [&](double q) {
    return detail::absolute_quantile(std::span<const TestType>(x), q);
  };
  const std::vector<TestType> sorted{0, 0, tiny, tiny, 1, 2, 2, 2};
  for (std::size_t i = 0; i < sorted.size(); ++i) CHECK(quantile(double(i) / 8) == sorted[i]);
  CHECK(quantile(4.5 / 8) == 1.5);
  CHECK(quantile(6.5 / 8) == 2);
  CHECK(quantile(7.5 / 8) == infinite);
  CHECK(quantile(1) == infinite);
}

TEST_CASE("transform and quantile reject mismatched arguments") {
  HostState<double> x({2, 3}), other({3, 2});
  const auto same = [](ElementIndex, double v) { return v; };
  CHECK_THROWS_WITH(
      backend(x).transform(x, same, other),
      "transform: an input has 3 samples of dimension 2 but the result has 2 of dimension 3");
  std::vector<double> row(2), long_row(3);
  CHECK_THROWS_WITH(backend(x).absolute_quantile(x, 1.5, std::span<double>(row)),
                    "absolute_quantile: q is 1.5; it must lie in [0, 1]");
  CHECK_THROWS_AS(backend(x).absolute_quantile(x, std::nan(""), std::span<double>(row)), Error);
  CHECK_THROWS_WITH(backend(x).absolute_quantile(x, 0.5, std::span<double>(long_row)),
                    "absolute_quantile: 3 numbers per sample for 2 samples");
  const HostState<double> empty({2, 0});
  CHECK_THROWS_WITH(backend(empty).absolute_quantile(empty, 0.5, std::span<double>(row)),
                    "absolute_quantile: dim is 0; the points must have at least 1 element");
}
