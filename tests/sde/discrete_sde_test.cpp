// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include <scoresde/sde/ddpm_sde.hpp>
#include <scoresde/sde/discrete_sde.hpp>
#include <scoresde/sde/score_sde_discrete.hpp>
#include <scoresde/sde/smld_sde.hpp>
#include <scoresde/sde/with_prior_mean.hpp>
#include <scoresde/time/log_snr_grid.hpp>

#include "support/catch.hpp"

using namespace scoresde;

static_assert(DiscreteSde<DiscreteVeSde> && DiscreteSde<WithPriorMean<DiscreteVpSde>>);
static_assert(!DiscreteSde<VpSde> && !DiscreteSde<VeSde> && !DiscreteSde<DiscreteSubVpSde>);

TEST_CASE("the time of a level maps back to the level") {
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

TEST_CASE("a discrete chain maps the time of a level to its index") {
  // 63/999 · 999 rounds to less than 63.
  const DiscreteVpSde sde(1000);
  for (std::size_t i = 0; i < 1000; ++i) REQUIRE(sde.index(sde.training_time(i)) == i);
}

TEST_CASE("a time between levels or outside them is rejected with its position") {
  const DdpmSde sde(linear_betas(8));
  CHECK_THROWS_WITH(training_level(sde, 0.5625),
                    Catch::Contains("0.5625 lies between levels, at 3.5") &&
                        Catch::Contains("8 training levels"));
  CHECK_THROWS_WITH(training_level(sde, 0.0625), Catch::Contains("from 0.125 to 1"));
  CHECK_THROWS_AS(training_level(sde, 1.125), Error);
  CHECK(training_level(sde, 0.5 + 0.019 / 8) == 3);
  CHECK_THROWS_AS(training_level(sde, 0.5 + 0.021 / 8), Error);
  CHECK(level_position(sde, 0.5625) == 3.5);
}

TEST_CASE("score_sde's grid for VE lies on the training levels, its grid for VP does not") {
  const DiscreteVeSde ve(1000);
  std::size_t level = 1000;
  for (const TimeStep& step : score_sde_grid(1, 1e-5, 1000))
    REQUIRE(training_level(ve, step.t) == --level);
  CHECK(level == 0);
  const DiscreteVpSde vp(1000);
  CHECK_THROWS_AS(training_level(vp, score_sde_grid(1, 1e-3, 1000)[500].t), Error);
}

TEST_CASE("the training marginal of the VP chain is the product of its betas") {
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

TEST_CASE("level_grid moves times to the nearest levels and keeps the ends") {
  const DdpmSde sde(linear_betas(1000));
  const TimeGrid grid = level_grid(sde, uniform_grid(sde, 7));
  CHECK(grid.size() == 7);
  CHECK(grid.front().t == 1);
  CHECK(grid.back().t_next == sde.t_min());
  for (const TimeStep& step : grid) {
    CHECK_NOTHROW(training_level(sde, step.t));
    CHECK_NOTHROW(training_level(sde, step.t_next));
  }
}

TEST_CASE("level_grid keeps the number of steps and uses each level at most once") {
  const auto check = [](const auto& sde, const TimeGrid& grid) {
    const TimeGrid moved = level_grid(sde, grid);
    CAPTURE(grid.size());
    REQUIRE(moved.size() == grid.size());
    CHECK(moved.generates() == grid.generates());
    const double last = static_cast<double>(sde.training_steps() - 1);
    const double spacing =
        (sde.training_time(sde.training_steps() - 1) - sde.training_time(0)) / last;
    const auto position = [&](double t) {
      return std::clamp((t - sde.training_time(0)) / spacing, 0.0, last);
    };
    const auto nearest = [&](double t) { return std::round(position(t)); };
    CHECK(static_cast<double>(training_level(sde, moved.front().t)) == nearest(grid.front().t));
    CHECK(static_cast<double>(training_level(sde, moved.back().t_next)) ==
          nearest(grid.back().t_next));
    bool apart = true;  // no two times share a level, so each is at its nearest one
    for (const TimeStep& step : grid) apart = apart && nearest(step.t) != nearest(step.t_next);
    for (std::size_t i = 0; i < grid.size(); ++i) {
      const std::size_t level = training_level(sde, moved[i].t);
      CHECK(level != training_level(sde, moved[i].t_next));
      if (apart) CHECK(std::abs(static_cast<double>(level) - position(grid[i].t)) < 0.5 + 1e-9);
    }
  };
  const auto check_all = [&](const auto& sde) {
    const std::size_t most = most_level_steps(sde, sde.t_max(), sde.t_min());
    for (const std::size_t steps :
         {std::size_t{1}, std::size_t{2}, std::size_t{7}, most / 2, most - 1, most}) {
      check(sde, uniform_grid(sde, steps));
      check(sde, uniform_grid(sde, steps).reversed());
      check(sde, log_snr_grid(sde, steps));
      check(sde, karras_grid(sde, steps));
      check(sde, quadratic_grid(sde, steps));
    }
    CHECK_THROWS_WITH(level_grid(sde, log_snr_grid(sde, most + 1)),
                      Catch::Contains(std::to_string(most + 1) + " steps requested") &&
                          Catch::Contains("at most " + std::to_string(most)));
  };
  check_all(DdpmSde(linear_betas(50)));
  check_all(DdpmSde(cosine_betas(1000)));
  check_all(DdpmSde(zero_terminal_snr_betas(scaled_linear_betas(1000))));
  check_all(SmldSde(232));
  check_all(DiscreteVpSde(100));
}

TEST_CASE("times that share a nearest level are spread over adjacent levels") {
  const DdpmSde sde(linear_betas(20));
  const auto levels = [&](std::vector<double> positions) {
    for (double& position : positions) position = (position + 1) / 20;
    std::vector<int> list;
    const TimeGrid grid = level_grid(sde, TimeGrid(positions));
    for (const TimeStep& step : grid) list.push_back(static_cast<int>(training_level(sde, step.t)));
    list.push_back(static_cast<int>(training_level(sde, grid.back().t_next)));
    return list;
  };
  CHECK(levels({19, 10, 2}) == std::vector<int>{19, 10, 2});
  CHECK(levels({19, 10.2, 10.1, 10, 2}) == std::vector<int>{19, 11, 10, 9, 2});
  CHECK(levels({19, 18.9, 18.8, 5}) == std::vector<int>{19, 18, 17, 5});
  CHECK(levels({19, 1.2, 1.1, 0.5, 0.1}) == std::vector<int>{19, 3, 2, 1, 0});
}
