// SPDX-License-Identifier: MIT
/// The samples would be lost with the temporary.
// expect: sampler: the state is a temporary; a run writes its result to it, so pass a variable
#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::VpSde sde;
  const scoresde::PredictorCorrector sampler{sde, scoresde::Ancestral{}, scoresde::NoCorrector{},
                                             scoresde::uniform_grid(sde, 10)};
  scoresde::Gaussian model(sde, {0, 0}, {1, 1});
  sampler.sample(model, scoresde::HostState<double>({.samples = 1, .dim = 2}),
                 scoresde::Noise{.seed = 1});
}
