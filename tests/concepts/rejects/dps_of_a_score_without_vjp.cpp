// SPDX-License-Identifier: MIT
/// DPS follows a gradient of the model.
// expect: sampler: the constraint does not fit this model, state and noise; it needs
// after_update(const State& before, State& x, TimeStep, model, z) returning void, and gradients of
// the model (Dps, Mcg, AdaptivePiGdm) need its vjp(x, t, v, out)
#include <scoresde/scoresde.hpp>

int main() {
  using X = scoresde::HostState<double>;
  const scoresde::VpSde sde;
  auto score = scoresde::score_function([](const X& x, double, X& output) { output = x; });
  const scoresde::DenseOperator op({1, 1}, 1, 2);
  X x({.samples = 1, .dim = 2}), y({.samples = 1, .dim = 1});
  const scoresde::LinearProblem problem(op, y, 0.1);
  scoresde::PredictorCorrector sampler(sde, scoresde::Ancestral{}, scoresde::uniform_grid(sde, 4));
  sampler.sample(score, x, scoresde::Noise{}, scoresde::NoObserver{},
                 scoresde::Dps(sde, problem, 1));
}
