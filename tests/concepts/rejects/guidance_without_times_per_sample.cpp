// SPDX-License-Identifier: MIT
/// A guided score takes a time per sample only if both of its models do.
// expect: AdaptiveSde: the model is not a score model with a time per sample; it needs
// evaluate(x, t, output), evaluate(x, span<const double> times, output) and score_form(t)
// returning ScoreForm
#include <scoresde/scoresde.hpp>

int main() {
  using X = scoresde::HostState<double>;
  const scoresde::VpSde sde;
  scoresde::Gaussian data(sde, {0, 0}, {1, 1});
  auto gradient = scoresde::score_function([](const X& x, double, X& output) { output = x; });
  auto guided = scoresde::classifier_guidance(data, gradient, 2);
  X x({.samples = 1, .dim = 2});
  scoresde::AdaptiveSde{sde}.sample(guided, x, scoresde::Noise{});
}
