// SPDX-License-Identifier: MIT
#include <cmath>
#include <cstddef>
#include <vector>

#include <scoresde/sde/ddpm_sde.hpp>
#include <scoresde/sde/discrete_sde.hpp>
#include <scoresde/sde/smld_sde.hpp>
#include <scoresde/sde/song_discrete.hpp>
#include <scoresde/sde/with_prior_mean.hpp>

#include "support/catch.hpp"

using namespace scoresde;

static_assert(DiscreteSde<DiscreteVeSde> && DiscreteSde<WithPriorMean<DiscreteVpSde>>);
static_assert(!DiscreteSde<VpSde> && !DiscreteSde<VeSde> && !DiscreteSde<DiscreteSubVpSde>);

TEST_CASE("every level's time is that level") {
  const auto check = [](const auto& sde) {
    for (std::size_t i = 0; i < sde.training_steps(); ++i)
      REQUIRE(training_level(sde, sde.training_time(i)) == i);
    CHECK_THROWS_AS(sde.training_time(sde.training_steps()), Error);
  };
  check(DiscreteVpSde(1000));
  check(DiscreteVeSde(1000));
  check(SmldSde(232));
  check(DdpmSde(linear_betas(1000)));
}

TEST_CASE("a discrete chain steps from the level whose time it is given") {
  // 63/999 times 999 rounds to below 63.
  const DiscreteVpSde sde(1000);
  for (std::size_t i = 0; i < 1000; ++i) REQUIRE(sde.index(sde.training_time(i)) == i);
}

TEST_CASE("a time between levels or outside them is refused with its place") {
  const DdpmSde sde(linear_betas(8));
  CHECK_THROWS_WITH(
      training_level(sde, 0.5625),
      Catch::Contains("0.5625 lies between levels, at 3.5") && Catch::Contains("its 8 levels"));
  CHECK_THROWS_WITH(training_level(sde, 0.0625), Catch::Contains("from 0.125 to 1"));
  CHECK_THROWS_AS(training_level(sde, 1.125), Error);
  CHECK(training_level(sde, 0.5 + 0.019 / 8) == 3);
  CHECK_THROWS_AS(training_level(sde, 0.5 + 0.021 / 8), Error);
  CHECK(level_position(sde, 0.5625) == 3.5);
}

TEST_CASE("score_sde's grid for VE keeps to the levels, its grid for VP does not") {
  const DiscreteVeSde ve(1000);
  std::size_t level = 1000;
  for (const TimeStep& step : song_grid(1, 1e-5, 1000))
    REQUIRE(training_level(ve, step.t) == --level);
  CHECK(level == 0);
  const DiscreteVpSde vp(1000);
  CHECK_THROWS_AS(training_level(vp, song_grid(1, 1e-3, 1000)[500].t), Error);
}

TEST_CASE("the training marginal of the VP chain is its own product of betas") {
  const DiscreteVpSde sde(1000);
  const DdpmSde chain(linear_betas(1000));
  for (const std::size_t i : {0, 1, 63, 500, 999}) {
    const MarginalProb p = training_marginal(sde, sde.training_time(i));
    const MarginalProb q = training_marginal(chain, chain.training_time(i));
    CAPTURE(i);
    CHECK(p.mean == Approx(q.mean).epsilon(1e-12));
    CHECK(p.std == Approx(q.std).epsilon(1e-12));
  }
  CHECK(std::pow(training_marginal(sde, 1).mean, 2) == Approx(4.036e-5).epsilon(1e-3));
  CHECK(std::pow(sde.marginal_prob(1).mean, 2) == Approx(4.319e-5).epsilon(1e-3));
}

TEST_CASE("a grid moves to the nearest levels and keeps its ends") {
  const DdpmSde sde(linear_betas(1000));
  const TimeGrid grid = level_grid(sde, uniform_grid(sde, 7));
  CHECK(grid.size() == 7);
  CHECK(grid.front().t == 1);
  CHECK(grid.back().t_next == sde.t_min());
  for (const TimeStep& step : grid) {
    CHECK_NOTHROW(training_level(sde, step.t));
    CHECK_NOTHROW(training_level(sde, step.t_next));
  }
  const DdpmSde coarse(linear_betas(4));
  CHECK(level_grid(coarse, uniform_grid(1, 0.01, 100)).size() == 3);  // 4 levels, 3 steps
}
