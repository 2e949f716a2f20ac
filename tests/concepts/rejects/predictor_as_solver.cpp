// SPDX-License-Identifier: MIT
/// A predictor covers one step; a fast solver builds a table for the whole grid.
// expect: SolverSampler: the second argument is not a solver for this SDE
#include <scoresde/scoresde.hpp>

int main() {
  scoresde::SolverSampler sampler(scoresde::VpSde{}, scoresde::Ancestral{},
                                  scoresde::uniform_grid(1, 1e-3, 10));
}
