// SPDX-License-Identifier: MIT
/// A bool does not define whether true stops or proceeds.
// expect: observer: on_step returns nothing, or StepAction::proceed or StepAction::stop
#include <scoresde/scoresde.hpp>

struct Watcher {
  template <class X>
  bool on_step(const scoresde::ObservedStep&, const X&) const {
    return true;
  }
};

int main() {
  const scoresde::VpSde sde;
  scoresde::PredictorCorrector sampler(sde, scoresde::EulerMaruyama{}, scoresde::NoCorrector{},
                                       scoresde::uniform_grid(1, 1e-3, 10));
  scoresde::HostState<double> x({.samples = 1, .dim = 2});
  scoresde::Gaussian model(sde, {0, 0}, {1, 0, 0, 1});
  sampler.sample(model, x, scoresde::Noise{}, Watcher{});
}
