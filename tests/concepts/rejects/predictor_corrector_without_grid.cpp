// SPDX-License-Identifier: MIT
/// A predictor has no default grid.
// expect: PredictorCorrector: an argument is missing or not in its place; it takes (sde,
// predictor, grid, options)
#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::VpSde sde;
  scoresde::PredictorCorrector sampler{sde, scoresde::ReverseDiffusion{}};
}
