// SPDX-License-Identifier: MIT
/// The grid follows the solver.
// expect: SolverSampler: an argument is missing or not in its place; it takes (sde, solver, grid,
// options)
#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::VpSde sde;
  scoresde::SolverSampler sampler{sde, log_snr_grid(sde, 20), scoresde::UniPc<2>{}};
}
