// SPDX-License-Identifier: MIT
/// A predictor has no rule for the norms at a fixed t.
// expect: PredictorCorrector: the third argument is not a corrector for this SDE; it needs steps,
// needs_norms and rule(sde, t)
#include <scoresde/scoresde.hpp>

int main() {
  scoresde::PredictorCorrector sampler(scoresde::VpSde{}, scoresde::Ancestral{},
                                       scoresde::EulerMaruyama{},
                                       scoresde::uniform_grid(1, 1e-3, 10));
}
