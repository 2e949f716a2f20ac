// SPDX-License-Identifier: MIT
/// A std::vector is not a state.
// expect: TwistedSmc: sample takes (model, problem, x, noise, observer)
#include <vector>

#include <scoresde/scoresde.hpp>

int main() {
  using X = scoresde::HostState<double>;
  const scoresde::VpSde sde;
  scoresde::Gaussian model(sde, {0, 0}, {1, 1});
  const scoresde::DenseOperator op({1, 1}, 1, 2);
  X x({.samples = 1, .dim = 2}), y({.samples = 1, .dim = 1});
  const scoresde::LinearProblem problem(op, y, 0.1);
  std::vector<double> values(2);
  scoresde::TwistedSmc{sde, uniform_grid(sde, 4)}.sample(model, problem, values, scoresde::Noise{});
}
