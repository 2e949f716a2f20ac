// SPDX-License-Identifier: MIT
/// Time grids and their errors.
#include <cmath>
#include <limits>
#include <vector>

#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/time/time_grid.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;

TEST_CASE("a uniform grid has equal steps and exact ends") {
  const TimeGrid grid = uniform_grid(1, 1e-3, 7);
  CHECK(grid.size() == 7);
  CHECK(grid.front().t == 1);
  CHECK(grid.back().t_next == 1e-3);
  CHECK(grid.generates());
  for (std::size_t i = 0; i < grid.size(); ++i) {
    CHECK(grid[i].t - grid[i].t_next == Approx(0.999 / 7).epsilon(1e-13));
    if (i > 0) CHECK(grid[i].t == grid[i - 1].t_next);
  }
  CHECK(uniform_grid(VeSde(), 3).back().t_next == VeSde().t_min());
}

TEST_CASE("score_sde's grid has times on linspace and steps of length 1/N") {
  const TimeGrid grid = score_sde_grid(1, 1e-5, 40);
  CHECK(grid.size() == 40);
  CHECK(grid.front().t == 1);
  CHECK(grid.back().t == 1e-5);
  CHECK(grid[1].t == Approx(1 - (1 - 1e-5) / 39).epsilon(1e-15));
  for (const TimeStep& step : grid) CHECK(step.t - step.t_next == Approx(1.0 / 40).epsilon(1e-13));
  CHECK(score_sde_grid(1, 1e-3, 1).size() == 1);
}

TEST_CASE("an explicit grid keeps its times, and reversing it gives the same steps") {
  const TimeGrid grid(std::vector<double>{1, 0.7, 0.1});
  CHECK(grid.size() == 2);
  CHECK(grid[1] == TimeStep{0.7, 0.1});
  const TimeGrid back = grid.reversed();
  CHECK_FALSE(back.generates());
  CHECK(back[0] == TimeStep{0.1, 0.7});
  CHECK(back[1] == TimeStep{0.7, 1});
}

TEST_CASE("empty, non-monotone and non-finite grids are rejected") {
  using List = std::vector<double>;
  CHECK_THROWS_AS(TimeGrid(List{}), Error);
  CHECK_THROWS_AS(TimeGrid(List{1}), Error);
  CHECK_THROWS_WITH(TimeGrid(List{1, 0.5, 0.7}), Catch::Matchers::Contains("monotone"));
  CHECK_THROWS_AS(TimeGrid(List{1, 1}), Error);
  CHECK_THROWS_AS(TimeGrid(List{1, 0.5, 0.5}), Error);
  CHECK_THROWS_AS(TimeGrid(List{1, std::nan(""), 0}), Error);
  CHECK_THROWS_AS(TimeGrid(List{std::numeric_limits<double>::infinity(), 0}), Error);
  CHECK_THROWS_AS(TimeGrid(std::vector<TimeStep>{}), Error);
  CHECK_THROWS_AS(TimeGrid(std::vector<TimeStep>{{1, 0.5}, {0.5, 0.8}}), Error);
  CHECK_THROWS_AS(TimeGrid(std::vector<TimeStep>{{1, 0.5}, {1, 0.2}}), Error);
}

TEST_CASE("steps = 0 and eps outside [0, T) are rejected") {
  CHECK_THROWS_WITH(uniform_grid(1, 1e-3, 0), Catch::Matchers::Contains("steps is 0"));
  CHECK_THROWS_WITH(uniform_grid(1, 1, 10), Catch::Matchers::Contains("eps is 1"));
  CHECK_THROWS_AS(uniform_grid(1, 2, 10), Error);
  CHECK_THROWS_AS(uniform_grid(1, -0.1, 10), Error);
  CHECK_THROWS_AS(score_sde_grid(1, 1, 10), Error);
  CHECK_THROWS_AS(score_sde_grid(1, 1e-3, 0), Error);
}

TEST_CASE("a grid is extended to the data by one step") {
  const TimeGrid grid = extended_to_data(uniform_grid(1, 0.2, 4));
  CHECK(grid.size() == 5);
  CHECK(grid.back() == TimeStep{0.2, 0});
  CHECK_THROWS_WITH(extended_to_data(uniform_grid(1, 0, 4)), Contains("end above 0"));
  CHECK_THROWS_WITH(extended_to_data(uniform_grid(1, 0.2, 4).reversed()), Contains("end above 0"));
}

TEST_CASE("a flow shift moves times towards the noise and keeps the ends") {
  const TimeGrid grid = flow_shifted(uniform_grid(1, 0, 4), 3);
  CHECK(grid.front().t == 1);
  CHECK(grid.back().t_next == 0);
  // σ/α = t/(1 − t) grows by the shift.
  for (const TimeStep& step : grid) {
    const double t = step.t_next, before = t / (3 - 2 * t);
    CHECK(t / (1 - t) == Approx(3 * before / (1 - before)));
  }
  CHECK(flow_shifted(uniform_grid(1, 0, 4), 1)[1] == uniform_grid(1, 0, 4)[1]);
  CHECK_THROWS_WITH(flow_shifted(uniform_grid(1, 0, 4), 0), Contains("shift is 0"));
  CHECK_THROWS_WITH(flow_shifted(uniform_grid(2, 0, 4), 3), Contains("t = 2"));
}
