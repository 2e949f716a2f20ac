// SPDX-License-Identifier: MIT
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include <scoresde/optim/ema.hpp>

#include "support/catch.hpp"

using namespace scoresde;

TEST_CASE("the EMA's decay ramps as (1 + n)/(10 + n) up to its limit, or is constant") {
  const ExponentialMovingAverage ramp{.decay = 0.999};
  CHECK(ramp.decay_at(1) == Approx(2.0 / 11));
  CHECK(ramp.decay_at(90) == Approx(91.0 / 100));
  CHECK(ramp.decay_at(8989) == Approx(8990.0 / 8999));
  CHECK(ramp.decay_at(9000) == 0.999);
  const ExponentialMovingAverage constant{.decay = 0.999, .schedule = EmaSchedule::constant};
  CHECK(constant.decay_at(1) == 0.999);
}

TEST_CASE("the average is the weighted sum of all past parameters") {
  const ExponentialMovingAverage ema{.decay = 0.9, .schedule = EmaSchedule::constant};
  std::vector<double> average{1, -2};
  const std::vector<double> first{3, 0}, second{-1, 4};
  ema.update(std::span<double>(average), std::span<const double>(first), 1);
  ema.update(std::span<double>(average), std::span<const double>(second), 2);
  CHECK(average[0] == Approx(0.81 * 1 + 0.09 * 3 + 0.1 * -1).epsilon(1e-14));
  CHECK(average[1] == Approx(0.81 * -2 + 0.09 * 0 + 0.1 * 4).epsilon(1e-14));
}

TEST_CASE("the EMA rejects a decay of one, a negative one and unequal sizes") {
  CHECK_THROWS_WITH(ExponentialMovingAverage{.decay = 1}.validate(), Catch::Contains("decay is 1"));
  CHECK_THROWS_AS(ExponentialMovingAverage{.decay = -0.1}.validate(), Error);
  std::vector<float> average(2);
  const std::vector<float> parameters(3);
  CHECK_THROWS_WITH(ExponentialMovingAverage{}.update(std::span<float>(average),
                                                      std::span<const float>(parameters), 1),
                    Catch::Contains("2 scalars and the parameters 3"));
}

TEST_CASE("a power-function average weighs step n by (n^(g+1) - (n-1)^(g+1))/N^(g+1)") {
  constexpr std::size_t steps = 200;
  for (const double gamma : {0.0, 1.5, 6.94, 16.97}) {
    const ExponentialMovingAverage ema{.decay = 0, .schedule = EmaSchedule::power, .gamma = gamma};
    // Parameter i is 1 after update i + 1 only, so the average equals the weights.
    std::vector<double> average(steps, 7.0);
    for (std::uint64_t n = 1; n <= steps; ++n) {
      std::vector<double> parameters(steps, 0.0);
      parameters[n - 1] = 1;
      ema.update(std::span<double>(average), std::span<const double>(parameters), n);
    }
    for (std::size_t n = 1; n <= steps; ++n) {
      const double now = std::pow(double(n) / steps, gamma + 1);
      const double before = std::pow(double(n - 1) / steps, gamma + 1);
      REQUIRE(average[n - 1] == Approx(now - before).epsilon(1e-11).margin(1e-15));
    }
  }
}

TEST_CASE("sigma_rel is the standard deviation of the profile, and ema_gamma is its inverse") {
  // Karras et al. 2024 quote 16.97 for 0.05 and 6.94 for 0.10.
  CHECK(ema_gamma(0.05) == Approx(16.97).margin(5e-3));
  CHECK(ema_gamma(0.10) == Approx(6.94).margin(5e-3));
  for (const double gamma : {0.0, 0.5, 6.94, 16.97, 400.0}) {
    // Moments of t^gamma on [0, 1]: mean (g + 1)/(g + 2), second moment (g + 1)/(g + 3).
    const double mean = (gamma + 1) / (gamma + 2), second = (gamma + 1) / (gamma + 3);
    CHECK(ema_sigma_rel(gamma) == Approx(std::sqrt(second - mean * mean)).epsilon(1e-9));
    CHECK(ema_gamma(ema_sigma_rel(gamma)) == Approx(gamma).epsilon(1e-9).margin(1e-7));
  }
  CHECK_THROWS_WITH(ema_gamma(0.3), Catch::Contains("sigma_rel is 0.3"));
  CHECK_THROWS_AS(ema_gamma(0), Error);
  CHECK_THROWS_WITH((ExponentialMovingAverage{.gamma = -0.5}.validate()),
                    Catch::Contains("gamma is -0.5"));
}
