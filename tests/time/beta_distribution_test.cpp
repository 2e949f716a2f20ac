// SPDX-License-Identifier: MIT
/// The beta distribution against closed forms, and its inverse.
#include <cmath>
#include <numbers>

#include <scoresde/time/beta_distribution.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;

TEST_CASE("the beta distribution matches closed forms") {
  for (const double x : {1e-9, 0.03, 0.3, 0.5, 0.71, 0.999}) {
    CHECK(beta_probability(x, 1, 1) == Approx(x).epsilon(1e-13));
    CHECK(beta_probability(x, 3, 1) == Approx(x * x * x).epsilon(1e-13));
    CHECK(beta_probability(x, 1, 4) == Approx(-std::expm1(4 * std::log1p(-x))).epsilon(1e-13));
    CHECK(beta_probability(x, 2, 2) == Approx(x * x * (3 - 2 * x)).epsilon(1e-13));
    CHECK(beta_probability(x, 0.5, 0.5) ==
          Approx(2 / std::numbers::pi * std::asin(std::sqrt(x))).epsilon(1e-13));
  }
}

TEST_CASE("quantiles invert the beta distribution") {
  for (const double a : {0.3, 0.6, 1.0, 7.5})
    for (const double b : {0.6, 2.0})
      for (const double p : {1e-6, 0.05, 0.31, 0.5, 0.9, 0.9999}) {
        const double x = beta_quantile(p, a, b);
        INFO("a " << a << ", b " << b << ", p " << p << ", x " << x);
        // Near 1, x cannot represent the distance from 1 precisely.
        const double slack =
            4e-16 * std::exp((a - 1) * std::log(x) + (b - 1) * std::log1p(-x)) / std::beta(a, b);
        CHECK(beta_probability(x, a, b) == Approx(p).epsilon(1e-12).margin(slack));
      }
  CHECK(beta_quantile(0, 0.6, 0.6) == 0);
  CHECK(beta_quantile(1, 0.6, 0.6) == 1);
  CHECK_THROWS_WITH(beta_quantile(1.5, 1, 1), Contains("p is 1.5"));
  CHECK_THROWS_WITH(beta_quantile(0.5, 0, 1), Contains("a is 0"));
}
