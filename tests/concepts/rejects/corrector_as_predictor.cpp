// SPDX-License-Identifier: MIT
/// A corrector does not step in time and cannot replace a predictor.
// expect: PredictorCorrector: the second argument is not a predictor for this SDE; it needs
// coefficients(sde, TimeStep)
#include <scoresde/scoresde.hpp>

int main() {
  scoresde::PredictorCorrector sampler(scoresde::VpSde{}, scoresde::Langevin{},
                                       scoresde::NoCorrector{},
                                       scoresde::uniform_grid(1, 1e-3, 10));
}
