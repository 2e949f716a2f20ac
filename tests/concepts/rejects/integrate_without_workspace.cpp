// SPDX-License-Identifier: MIT
/// Only sample allocates a workspace.
// expect: sampler: integrate takes a model, a state, a noise source as Noise{.seed = 42}, a
// workspace and, optionally, an observer
#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::AdaptiveSde sampler{scoresde::VpSde()};
  scoresde::HostState<double> x({.samples = 1, .dim = 2});
  scoresde::Gaussian model(scoresde::VpSde(), {0, 0}, {1, 1});
  sampler.integrate(model, x, scoresde::Noise{.seed = 1});
}
