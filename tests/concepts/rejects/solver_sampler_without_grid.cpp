// SPDX-License-Identifier: MIT
/// A solver has no default grid.
// expect: SolverSampler: the grid is missing; it takes (sde, solver, grid, options)
#include <scoresde/scoresde.hpp>

int main() { const scoresde::SolverSampler sampler{scoresde::VpSde(), scoresde::UniPc<2>{}}; }
