// SPDX-License-Identifier: MIT
/// A time per sample requires a model that takes it.
// expect: AdaptiveSde: the model is not a score model with a time per sample; it needs
// evaluate(x, t, output), evaluate(x, span<const double> times, output) and score_form(t)
// returning ScoreForm
#include <scoresde/scoresde.hpp>

struct OneTime {
  template <class X>
  void evaluate(const X&, double, X&) const {}
  scoresde::ScoreForm score_form(double) const { return {}; }
};

int main() {
  const scoresde::AdaptiveSde sampler{scoresde::VpSde()};
  scoresde::HostState<double> x({.samples = 1, .dim = 2});
  sampler.sample(OneTime{}, x, scoresde::Noise{});
}
