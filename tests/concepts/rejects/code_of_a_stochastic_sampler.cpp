// SPDX-License-Identifier: MIT
/// Only a deterministic sampler has latent codes.
// expect: encode: the sampler does not run both ways
#include <scoresde/scoresde.hpp>

int main() {
  using X = scoresde::HostState<double>;
  const scoresde::VpSde sde;
  scoresde::Gaussian model(sde, {0, 0}, {1, 1});
  const scoresde::PredictorCorrector sampler{sde, scoresde::Ancestral{},
                                             scoresde::uniform_grid(sde, 10)};
  X x({.samples = 1, .dim = 2});
  scoresde::encode(sampler, model, x);
}
