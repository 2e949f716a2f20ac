// SPDX-License-Identifier: MIT
/// The grid is not a number of steps.
// expect: SolverSampler: an argument is missing or not in its place; it takes (sde, solver, grid,
// options)
#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::VpSde sde;
  scoresde::SolverSampler sampler{sde, scoresde::UniPc<2>{}, 20};
}
