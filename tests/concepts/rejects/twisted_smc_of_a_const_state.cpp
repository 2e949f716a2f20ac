// SPDX-License-Identifier: MIT
/// The result is written to x.
// expect: TwistedSmc: sample takes (model, problem, x, noise, observer)
#include <utility>

#include <scoresde/scoresde.hpp>

int main() {
  using X = scoresde::HostState<double>;
  const scoresde::VpSde sde;
  scoresde::Gaussian model(sde, {0, 0}, {1, 1});
  const scoresde::DenseOperator op({1, 1}, 1, 2);
  X x({.samples = 1, .dim = 2}), y({.samples = 1, .dim = 1});
  const scoresde::LinearProblem problem(op, y, 0.1);
  scoresde::TwistedSmc{sde, uniform_grid(sde, 4)}.sample(model, problem, std::as_const(x),
                                                         scoresde::Noise{});
}
