// SPDX-License-Identifier: MIT
/// A model of HostState<float> cannot be evaluated at a HostState<double>.
// expect: sampler: the model is not a score model for this state; it needs evaluate(const State& x,
// double t, State& output)
#include <scoresde/scoresde.hpp>

int main() {
  using Batch = scoresde::HostState<float>;
  const scoresde::VpSde sde;
  const scoresde::ProbabilityFlow sampler{sde, scoresde::Heun{}, scoresde::uniform_grid(sde, 10)};
  auto model = scoresde::score_function([](const Batch&, double, Batch&) {});
  scoresde::HostState<double> x({.samples = 1, .dim = 2});
  sampler.sample(model, x, scoresde::Noise{.seed = 1});
}
