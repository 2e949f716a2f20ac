// SPDX-License-Identifier: MIT
/// The score is evaluated at the state only, not at the state that Heun's scheme predicts.
// expect: ReverseSimulation: the second argument is not a scheme that evaluates the drift once per
// step; EulerMaruyama, Milstein and DerivativeFreeMilstein are
#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::AsGeneralSde sde{scoresde::VpSde()};
  scoresde::ReverseSimulation sampler(sde, scoresde::StochasticHeun{},
                                      scoresde::uniform_grid(1, 0, 10));
}
