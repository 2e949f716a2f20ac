// SPDX-License-Identifier: MIT
/// A constraint must declare what it needs.
// expect: sampler: the constraint is not a Constraint; it needs static constexpr bool needs_before
// and needs_noise, and after_update(before, x, TimeStep, model, z) returning void
#include <scoresde/scoresde.hpp>

struct Nothing {
  template <class X, class M, class Z>
  void after_update(const X&, X&, scoresde::TimeStep, M&, const Z&) {}
};

int main() {
  const scoresde::VpSde sde;
  scoresde::HostState<double> x({.samples = 1, .dim = 2});
  scoresde::Gaussian model(sde, {0, 0}, {1, 1});
  scoresde::PredictorCorrector sampler(sde, scoresde::Ancestral{}, scoresde::uniform_grid(sde, 4));
  sampler.sample(model, x, scoresde::Noise{}, scoresde::NoObserver{}, Nothing{});
}
