// SPDX-License-Identifier: MIT
/// The grid is not a number of steps.
// expect: PredictorCorrector: an argument is missing or not in its place; it takes (sde,
// predictor, grid, options)
#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::VpSde sde;
  scoresde::PredictorCorrector sampler{sde, scoresde::Ancestral{}, 100};
}
