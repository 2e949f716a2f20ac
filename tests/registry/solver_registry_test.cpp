// SPDX-License-Identifier: MIT
#include <algorithm>
#include <set>
#include <string>

#include <scoresde/registry/solver_registry.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/time/time_grid.hpp>

#include "support/catch.hpp"

using namespace scoresde;

TEST_CASE("the registry lists each solver once, described, and stochastic iff it draws noise") {
  const VpSde sde;
  const TimeGrid grid = uniform_grid(sde, 12);
  std::set<std::string> names{restart_entry.name};
  for_each_solver([&](const SolverEntry& entry, const auto& solver) {
    CAPTURE(entry.name);
    CHECK(names.insert(entry.name).second);
    CHECK_FALSE(std::string(entry.description).empty());
    CHECK(entry.order >= 1);
    const auto stages = solver.stages(sde, grid);
    const bool draws = std::any_of(stages.begin(), stages.end(), [](const SolverStage& stage) {
      return stage.noise.coefficient != 0;
    });
    CHECK(draws == entry.stochastic);
  });
  CHECK(names.size() > 30);
}
