// SPDX-License-Identifier: MIT
/// The probability flow applies no constraint.
// expect: sampler: this sampler applies no constraint; PredictorCorrector, SolverSampler and
// ClippedDdim do, and a condition that is a model, such as pigdm's, is sampled by every sampler
#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::VpSde sde;
  scoresde::HostState<double> x({.samples = 1, .dim = 2});
  scoresde::Gaussian model(sde, {0, 0}, {1, 1});
  scoresde::ProbabilityFlow flow(sde, scoresde::Heun{}, scoresde::uniform_grid(sde, 4));
  flow.sample(model, x, scoresde::Noise{}, scoresde::NoObserver{}, scoresde::NoConstraint{});
}
