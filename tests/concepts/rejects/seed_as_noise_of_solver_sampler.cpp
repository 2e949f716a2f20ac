// SPDX-License-Identifier: MIT
/// A seed alone determines neither samples nor draws; Noise{.seed = 42} does.
// expect: sampler: the noise is not a noise source; it needs draw(index)
#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::VpSde sde;
  const scoresde::SolverSampler sampler{sde, scoresde::UniPc<2>{}, scoresde::log_snr_grid(sde, 10)};
  scoresde::HostState<double> x({.samples = 1, .dim = 2});
  scoresde::Gaussian model(sde, {0, 0}, {1, 1});
  sampler.sample(model, x, 42);
}
