// SPDX-License-Identifier: MIT
/// The result would be lost with the temporary.
// expect: sampler: the state is a temporary; a run writes its result to it, so pass a variable
#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::Simulation simulation{scoresde::AsGeneralSde{scoresde::VpSde()},
                                        scoresde::EulerMaruyama{},
                                        scoresde::uniform_grid(1, 1e-3, 10).reversed()};
  simulation.run(scoresde::HostState<double>({.samples = 1, .dim = 2}), scoresde::Noise{.seed = 1});
}
