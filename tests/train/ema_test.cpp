// SPDX-License-Identifier: MIT
#include <span>
#include <vector>

#include <scoresde/train/ema.hpp>

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

TEST_CASE("the average is the weighted sum of the parameters it has seen") {
  const ExponentialMovingAverage ema{.decay = 0.9, .schedule = EmaSchedule::constant};
  std::vector<double> average{1, -2};
  const std::vector<double> first{3, 0}, second{-1, 4};
  ema.update(std::span<double>(average), std::span<const double>(first), 1);
  ema.update(std::span<double>(average), std::span<const double>(second), 2);
  CHECK(average[0] == Approx(0.81 * 1 + 0.09 * 3 + 0.1 * -1).epsilon(1e-14));
  CHECK(average[1] == Approx(0.81 * -2 + 0.09 * 0 + 0.1 * 4).epsilon(1e-14));
}

TEST_CASE("the EMA refuses a decay of one, a negative one and unequal sizes") {
  CHECK_THROWS_WITH(ExponentialMovingAverage{.decay = 1}.check(), Catch::Contains("decay is 1"));
  CHECK_THROWS_AS(ExponentialMovingAverage{.decay = -0.1}.check(), Error);
  std::vector<float> average(2);
  const std::vector<float> parameters(3);
  CHECK_THROWS_WITH(ExponentialMovingAverage{}.update(std::span<float>(average),
                                                      std::span<const float>(parameters), 1),
                    Catch::Contains("2 scalars, the parameters 3"));
}
