// SPDX-License-Identifier: MIT
/// A run writes its samples to the state.
// expect: sampler: the state is const; a run writes to it
#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::AsGeneralSde sde{scoresde::VpSde()};
  const scoresde::GeneralProbabilityFlow flow{sde, scoresde::Heun{},
                                              scoresde::uniform_grid(1, 1e-3, 10)};
  scoresde::Gaussian model(scoresde::VpSde(), {0, 0}, {1, 0, 0, 1});
  const scoresde::HostState<double> x({.samples = 1, .dim = 2});
  flow.run(model, x);
}
