// SPDX-License-Identifier: MIT
/// With an engine that advances, samples depend on the batch; noise is a function of its indices.
// expect: sampler: the noise is not a noise source; it needs draw(index)
#include <random>

#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::VpSde sde;
  const scoresde::PredictorCorrector sampler{sde, scoresde::Ancestral{}, scoresde::NoCorrector{},
                                             scoresde::uniform_grid(sde, 10)};
  scoresde::HostState<double> x({.samples = 1, .dim = 2});
  scoresde::Gaussian model(sde, {0, 0}, {1, 1});
  sampler.sample(model, x, std::mt19937_64{});
}
