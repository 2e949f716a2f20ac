// SPDX-License-Identifier: MIT
/// A network's raw output is not a score without a score_form.
// expect: sampler: the model is not a score model for this state; it needs evaluate(const State& x,
// double t, State& output) and score_form(double t)
#include <scoresde/scoresde.hpp>

struct RawNetwork {
  void evaluate(const scoresde::HostState<double>& x, double, scoresde::HostState<double>& output) {
    output = x;
  }
};

int main() {
  scoresde::ProbabilityFlow flow(scoresde::VpSde{}, scoresde::AdaptiveRungeKutta<>{});
  scoresde::HostState<double> x({.samples = 1, .dim = 2});
  flow.sample(RawNetwork{}, x, scoresde::Noise{});
}
