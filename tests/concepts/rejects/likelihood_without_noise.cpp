// SPDX-License-Identifier: MIT
/// Probes come from noise.
// expect: ProbabilityFlowLikelihood: log_likelihood takes (model, x, noise)
#include <scoresde/scoresde.hpp>

int main() {
  using X = scoresde::HostState<double>;
  const scoresde::VpSde sde;
  scoresde::Gaussian model(sde, {0, 0}, {1, 1});
  const scoresde::DenseOperator op({1, 1}, 1, 2);
  X x({.samples = 1, .dim = 2}), y({.samples = 1, .dim = 1});
  const scoresde::LinearProblem problem(op, y, 0.1);
  scoresde::ProbabilityFlowLikelihood{sde, scoresde::scipy_rk45()}.log_likelihood(model, x);
}
