// SPDX-License-Identifier: MIT
/// The draws of the bound come from named noise.
// expect: LikelihoodBound: evaluate takes (model, x, noise)
#include <scoresde/scoresde.hpp>

int main() {
  using X = scoresde::HostState<double>;
  const scoresde::VpSde sde;
  scoresde::Gaussian model(sde, {0, 0}, {1, 1});
  const scoresde::DenseOperator op({1, 1}, 1, 2);
  X x({.samples = 1, .dim = 2}), y({.samples = 1, .dim = 1});
  const scoresde::LinearProblem problem(op, y, 0.1);
  scoresde::LikelihoodBound{sde, 1e-3}.evaluate(model, x, 42);
}
