// SPDX-License-Identifier: MIT
/// The exact trace draws no probe, but its argument is a noise source too.
// expect: ProbabilityFlowLikelihood: the noise is not a noise source; it needs draw(index)
#include <scoresde/scoresde.hpp>

int main() {
  using X = scoresde::HostState<double>;
  const scoresde::VpSde sde;
  scoresde::Gaussian model(sde, {0, 0}, {1, 1});
  const scoresde::DenseOperator op({1, 1}, 1, 2);
  X x({.samples = 1, .dim = 2}), y({.samples = 1, .dim = 1});
  const scoresde::LinearProblem problem(op, y, 0.1);
  scoresde::ProbabilityFlowLikelihood{sde, scoresde::scipy_rk45(), scoresde::ExactTrace{}}
      .log_likelihood(model, x, 42);
}
