// SPDX-License-Identifier: MIT
#include <cmath>
#include <cstddef>

#include <scoresde/sde/score_sde_discrete.hpp>
#include <scoresde/sde/smld_sde.hpp>
#include <scoresde/sde/transition.hpp>

#include "support/catch.hpp"

using namespace scoresde;

TEST_CASE("the levels of SMLD are those of the discrete VE chain") {
  const SmldSde sde(232, {.sigma_min = 0.02, .sigma_max = 40});
  const DiscreteVeSde chain(232, {.sigma_min = 0.02, .sigma_max = 40});
  for (std::size_t i = 0; i < 232; ++i)
    REQUIRE(sde.marginal_prob(sde.training_time(i)).std ==
            Approx(chain.discrete_sigma(i)).epsilon(1e-12));
}

TEST_CASE("a step over several levels of SMLD is the chain of its single steps") {
  const SmldSde sde(10);
  double variance = 0;
  for (std::size_t i = 3; i < 8; ++i)
    variance += transition(sde, {sde.training_time(i + 1), sde.training_time(i)}).variance;
  const Transition whole = transition(sde, {sde.training_time(8), sde.training_time(3)});
  CHECK(whole.mean == 1);
  CHECK(whole.variance == Approx(variance).epsilon(1e-12));
}

TEST_CASE("SMLD requires two levels") {
  CHECK_THROWS_WITH(SmldSde(1), Catch::Contains("1 training steps"));
  CHECK_THROWS_AS(SmldSde(10, {.sigma_min = -1}), Error);
  CHECK_THROWS_WITH(SmldSde(10).training_time(10), Catch::Contains("the last is 9"));
}
