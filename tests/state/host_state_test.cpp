// SPDX-License-Identifier: MIT
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include <scoresde/state/host_state.hpp>

#include "support/catch.hpp"

using namespace scoresde;

TEST_CASE("element e of sample k is at k·dim + e") {
  HostState<double> x({2, 3}, {0, 1, 2, 10, 11, 12});
  CHECK(x(1, 2) == 12);
  CHECK(x.data()[4] == 11);
  CHECK(x[1].size() == 3);
  CHECK(x[1][0] == 10);
  CHECK(extents(x) == Extents{2, 3});
}

TEST_CASE("span() is all elements, sample after sample") {
  HostState<float> x({2, 3}, {0, 1, 2, 10, 11, 12});
  x.span()[4] = 7;
  CHECK(x(1, 1) == 7);
  const HostState<float>& read = x;
  CHECK(read.span().size() == 6);
  CHECK(read.span().data() == x.data());
}

TEST_CASE(
    "assign reads as its formula, with a draw or a state as noise, for the batch or a sample") {
  using X = HostState<double>;
  const X x({2, 2}, {1, 2, 3, 4}), f({2, 2}, {10, 20, 30, 40});
  const NoiseDraw draw = Noise{.seed = 5}.draw(3);
  X z({2, 2}), out({2, 2});
  assign(z, {}, NoiseTerm{1, draw});
  const auto is = [&](auto value) {
    for (std::size_t k = 0; k < 2; ++k)
      for (std::size_t e = 0; e < 2; ++e) CHECK(out(k, e) == Approx(value(k, e)).epsilon(1e-14));
  };
  assign(out, {{2, x}, {-0.5, f}});
  is([&](std::size_t k, std::size_t e) { return 2 * x(k, e) - 0.5 * f(k, e); });
  const auto noisy = [&](std::size_t k, std::size_t e) {
    return 2 * x(k, e) - 0.5 * f(k, e) + 3 * z(k, e);
  };
  assign(out, {{2, x}, {-0.5, f}}, {3, draw});
  is(noisy);
  assign(out, {{2, x}, {-0.5, f}}, {3, z});
  is(noisy);
  const std::vector<double> a{2, 4}, b{-0.5, 1}, c{3, 0};
  const auto by_sample = [&](std::size_t k, std::size_t e) {
    return a[k] * x(k, e) + b[k] * f(k, e) + c[k] * z(k, e);
  };
  assign(out, {{a, x}, {b, f}}, {c, draw});
  is(by_sample);
  assign(out, {{a, x}, {b, f}}, {c, z});
  is(by_sample);
  CHECK_THROWS_WITH(
      assign(out, {{1, x}, {1, x}, {1, x}, {1, x}, {1, x}, {1, x}, {1, x}, {1, x}}, {1, z}),
      Catch::Matchers::Contains("8 terms"));
}

TEST_CASE("values that do not match the extents are rejected") {
  CHECK_THROWS_WITH((HostState<float>({2, 3}, std::vector<float>(5))),
                    Catch::Matchers::Contains("5 values"));
}

TEST_CASE("terms of another shape are rejected") {
  using X = HostState<double>;
  X x({2, 3}), y({3, 2});
  const std::array<Term<X>, 1> terms{Term<X>{1, &y}};
  CHECK_THROWS_AS(backend(x).assign(x, std::span<const Term<X>>(terms), NoiseTerm{}), Error);
}

TEST_CASE("norms, scaled RMS and inner products are computed per sample") {
  using X = HostState<double>;
  const X x({2, 2}, {3, 4, 0, -2}), y({2, 2}, {1, 1, 5, 1});
  std::vector<double> row(2);
  const std::array<Term<X>, 2> difference{Term<X>{2, &x}, {-1, &y}};
  backend(x).norms(std::span<const Term<X>>(difference), row);
  CHECK(row[0] == Approx(std::hypot(5, 7)));
  CHECK(row[1] == Approx(std::hypot(5, 5)));
  backend(x).inner(x, y, row);
  CHECK(row == std::vector<double>{7, -2});
  backend(x).scaled_rms(x, x, y, 0.5, 1, row);
  CHECK(row[0] == Approx(std::sqrt((9 / 12.25 + 16 / 20.25) / 2)));
  CHECK(row[1] == Approx(std::sqrt((0 + 4 / 6.25) / 2)));
}

TEST_CASE("the norm of a draw is the norm of its elements") {
  HostState<float> x({3, 301});
  const NoiseDraw draw = Noise{.seed = 8, .first_sample = 4}.draw(2);
  std::vector<double> row(3);
  backend(x).norms(draw, x, row);
  std::vector<float> z(301);
  fill_normal(z, draw, 1, 0);
  double sum = 0;
  for (const float value : z) sum += double(value) * double(value);
  CHECK(row[1] == Approx(std::sqrt(sum)).epsilon(1e-14));
}
