// SPDX-License-Identifier: MIT
/// The score is available at the state only, not at Heun's predicted state.
// expect: ReverseSimulation: the second argument is no scheme that asks for the drift once a step;
// EulerMaruyama, Milstein and DerivativeFreeMilstein are
#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::AsGeneralSde sde{scoresde::VpSde()};
  scoresde::ReverseSimulation sampler(sde, scoresde::StochasticHeun{},
                                      scoresde::uniform_grid(1, 0, 10));
}
