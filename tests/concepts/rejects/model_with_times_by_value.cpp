// SPDX-License-Identifier: MIT
/// The overload of evaluate with a time per sample writes to a copy.
// expect: sampler: the model is not a score model for this state; it needs evaluate(const State& x,
// double t, State& output) and score_form(double t) returning ScoreForm, not const, and no overload
// of evaluate that takes its output by value
#include <scoresde/scoresde.hpp>

using Batch = scoresde::HostState<double>;

struct Model {
  void evaluate(const Batch& x, double, Batch& output) { output = x; }
  void evaluate(const Batch& x, std::span<const double>, Batch output) { output = x; }
  scoresde::ScoreForm score_form(double) const { return {}; }
};

int main() {
  const scoresde::ProbabilityFlow sampler{scoresde::VpSde(), scoresde::AdaptiveRungeKutta<>{}};
  Model model;
  Batch x({4, 3});
  sampler.sample(model, x, scoresde::Noise{});
}
