// SPDX-License-Identifier: MIT
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/solver/dpm_solver.hpp>
#include <scoresde/solver/edm.hpp>
#include <scoresde/solver/solver_table.hpp>
#include <scoresde/time/time_grid.hpp>

#include "support/catch.hpp"

using namespace scoresde;

namespace {

void require_same(const std::vector<SolverStage>& a, const std::vector<SolverStage>& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t k = 0; k < a.size(); ++k) {
    CHECK(a[k].time.t == b[k].time.t);
    CHECK(a[k].time.t_next == b[k].time.t_next);
    CHECK(a[k].state == b[k].state);
    CHECK(a[k].weights == b[k].weights);
    CHECK(a[k].evaluates == b[k].evaluates);
  }
}

}  // namespace

TEST_CASE("a table has its solver's order, prediction and stages, and ends at the data") {
  const VpSde sde;
  const TimeGrid grid = uniform_grid(sde, 9);
  const DpmSolverPlusPlus<3> solver;
  const SolverTable table = solver_table(solver, sde, grid);
  CHECK(table.order == 3);
  CHECK(table.prediction == Prediction::data);
  require_same(table.stages(sde, grid), solver.stages(sde, grid));
  require_same(table.stages_to_data(sde, grid), stages_to_data(solver, sde, grid));
  CHECK(table.to_data.back().time.t_next == 0);
}

TEST_CASE("a table over a grid towards noise has no stages to the data") {
  const VpSde sde;
  const TimeGrid grid({0.1, 0.4, 0.9});
  const SolverTable table = solver_table(DpmSolverPlusPlus<2>{}, sde, grid);
  CHECK(table.to_eps.size() == 2);
  CHECK(table.to_data.empty());
}

TEST_CASE("a table rejects members that its solver rejects") {
  const VpSde sde;
  const TimeGrid grid = uniform_grid(sde, 4);
  CHECK_THROWS_AS(solver_table(EdmHeun{.churn = {.s_churn = -1}}, sde, grid), Error);
}
