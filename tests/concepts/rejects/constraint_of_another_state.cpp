// SPDX-License-Identifier: MIT
/// A constraint must take the run's state.
// expect: sampler: the constraint does not fit this model, state and noise; it needs
// after_update(const State& before, State& x, TimeStep, model, z) returning void
#include <scoresde/scoresde.hpp>

struct OfFloat {
  static constexpr bool needs_before = false, needs_noise = false;
  using X = scoresde::HostState<float>;
  template <class M, class Z>
  void after_update(const X&, X&, scoresde::TimeStep, M&, const Z&) {}
};

int main() {
  const scoresde::VpSde sde;
  scoresde::HostState<double> x({.samples = 1, .dim = 2});
  scoresde::Gaussian model(sde, {0, 0}, {1, 1});
  scoresde::SolverSampler sampler(sde, scoresde::DdimSolver{}, scoresde::uniform_grid(sde, 4));
  sampler.sample(model, x, scoresde::Noise{}, scoresde::NoObserver{}, OfFloat{});
}
