// SPDX-License-Identifier: MIT
/// A run writes its samples to the state.
// expect: sampler: the state is const; a run writes to it
#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::VpSde sde;
  const scoresde::ProbabilityFlow sampler{sde, scoresde::Heun{}, scoresde::uniform_grid(sde, 10)};
  const scoresde::HostState<double> x({.samples = 1, .dim = 2});
  scoresde::Gaussian model(sde, {0, 0}, {1, 0, 0, 1});
  sampler.sample(model, x, scoresde::Noise{.seed = 1});
}
