// SPDX-License-Identifier: MIT
/// Twisted SMC follows a gradient of the model.
// expect: TwistedSmc: the model is not a differentiable score model for this state; it needs
// evaluate(x, t, output), score_form(t) and vjp(x, t, v, out)
#include <scoresde/scoresde.hpp>

int main() {
  using X = scoresde::HostState<double>;
  const scoresde::VpSde sde;
  auto score = scoresde::score_function([](const X& x, double, X& output) { output = x; });
  const scoresde::DenseOperator op({1, 1}, 1, 2);
  X x({.samples = 1, .dim = 2}), y({.samples = 1, .dim = 1});
  const scoresde::LinearProblem problem(op, y, 0.1);
  const scoresde::TwistedSmc sampler(sde, scoresde::uniform_grid(sde, 4));
  sampler.sample(score, problem, x, scoresde::Noise{});
}
