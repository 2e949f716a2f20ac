// SPDX-License-Identifier: MIT
/// The grid follows the predictor.
// expect: PredictorCorrector: an argument is missing or not in its place; it takes (sde,
// predictor, grid, options)
#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::VpSde sde;
  scoresde::PredictorCorrector sampler{sde, uniform_grid(sde, 10), scoresde::ReverseDiffusion{}};
}
