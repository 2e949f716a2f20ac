// SPDX-License-Identifier: MIT
/// A likelihood needs the divergence of the flow, so the model must be differentiable.
// expect: ProbabilityFlowLikelihood: the model is not differentiable for this state; a likelihood
// needs vjp(const State& x, double t, const State& v, State& out)
#include <scoresde/scoresde.hpp>

int main() {
  using X = scoresde::HostState<double>;
  auto model = scoresde::score_function([](const X& x, double, X& score) { score = x; });
  const scoresde::ProbabilityFlowLikelihood likelihood{scoresde::VpSde{},
                                                       scoresde::AdaptiveRungeKutta<>{}};
  X x({.samples = 1, .dim = 2});
  likelihood.log_likelihood(model, x, scoresde::Noise{.seed = 1});
}
