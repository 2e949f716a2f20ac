// SPDX-License-Identifier: MIT
/// A run starts from noise.
// expect: sampler: sample takes a model, a state, a noise source as Noise{.seed = 42} and,
// optionally, an observer
#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::VpSde sde;
  const scoresde::ProbabilityFlow flow{sde, scoresde::Heun{}, uniform_grid(sde, 10)};
  scoresde::Gaussian model(sde, {0, 0}, {1, 0, 0, 1});
  scoresde::HostState<double> x({.samples = 1, .dim = 2});
  flow.sample(model, x);
}
