// SPDX-License-Identifier: MIT
/// The coefficients depend on the SDE.
// expect: PredictorCorrector: an argument is missing or not in its place; it takes (sde,
// predictor, grid, options)
#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::VpSde sde;
  scoresde::PredictorCorrector sampler{scoresde::ReverseDiffusion{}, uniform_grid(sde, 10)};
}
