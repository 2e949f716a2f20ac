// SPDX-License-Identifier: MIT
/// A hook that could never be called is rejected rather than ignored.
// expect: observer: on_step is called as on_step(const ObservedStep& step, const State& x)
#include <scoresde/scoresde.hpp>

struct Counter {
  void on_step(int) {}
};

int main() {
  const scoresde::VpSde sde;
  scoresde::PredictorCorrector sampler(sde, scoresde::EulerMaruyama{}, scoresde::NoCorrector{},
                                       scoresde::uniform_grid(1, 1e-3, 10));
  scoresde::HostState<double> x({.samples = 1, .dim = 2});
  scoresde::Gaussian model(sde, {0, 0}, {1, 0, 0, 1});
  sampler.sample(model, x, scoresde::Noise{}, Counter{});
}
