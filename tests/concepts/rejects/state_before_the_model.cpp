// SPDX-License-Identifier: MIT
/// The model is the first argument of a run.
// expect: sampler: the state is not in its place; the arguments are, in this order, model, state,
// noise, workspace and observer, as far as the call takes them
#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::VpSde sde;
  const scoresde::PredictorCorrector sampler{sde, scoresde::Ancestral{}, scoresde::NoCorrector{},
                                             scoresde::uniform_grid(sde, 10)};
  scoresde::HostState<double> x({.samples = 1, .dim = 2});
  scoresde::Gaussian model(sde, {0, 0}, {1, 1});
  sampler.sample(x, model, scoresde::Noise{.seed = 1});
}
