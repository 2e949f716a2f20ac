// SPDX-License-Identifier: MIT
/// The levels of this SDE are selected by a grid, not by a number of steps.
// expect: level_grid: a number of steps is for DdpmSde only
#include <scoresde/sde/discrete_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>

int main() { level_grid(scoresde::VpSde(), 10); }
