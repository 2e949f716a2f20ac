// SPDX-License-Identifier: MIT
/// PiGDM follows a gradient of the model.
// expect: posterior score: the model is not differentiable; guidance by a measurement needs its
// vjp(x, t, v, out), out <- v^T dF/dx
#include <scoresde/scoresde.hpp>

int main() {
  using X = scoresde::HostState<double>;
  const scoresde::VpSde sde;
  auto score = scoresde::score_function([](const X& x, double, X& output) { output = x; });
  const scoresde::DenseOperator op({1, 1}, 1, 2);
  X x({.samples = 1, .dim = 2}), y({.samples = 1, .dim = 1});
  const scoresde::LinearProblem problem(op, y, 0.1);
  auto posterior = scoresde::pigdm(score, sde, problem);
  posterior.evaluate(x, 0.5, y);
}
