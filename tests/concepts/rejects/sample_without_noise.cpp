// SPDX-License-Identifier: MIT
/// A run starts from noise.
// expect: sampler: sample(model, x, noise) takes a noise source as its third argument
#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::VpSde sde;
  const scoresde::ProbabilityFlow flow{sde, scoresde::Heun{}, uniform_grid(sde, 10)};
  scoresde::Gaussian model(sde, {0, 0}, {1, 0, 0, 1});
  scoresde::HostState<double> x({.samples = 1, .dim = 2});
  flow.sample(model, x);
}
