// SPDX-License-Identifier: MIT
/// The gradient of a classifier must be wrapped by score_function.
// expect: GuidedScore: one of the two models has no score_form(t) returning ScoreForm, so it is not
// a score model; score_function(f) makes one from a function that writes a score or the gradient of
// a classifier
#include <scoresde/scoresde.hpp>

int main() {
  using X = scoresde::HostState<double>;
  scoresde::Gaussian data(scoresde::VpSde{}, {0, 0}, {1, 1});
  auto gradient = [](const X& x, double, X& output) { output = x; };
  auto guided = scoresde::classifier_guidance(data, gradient, 2);
  X x({.samples = 1, .dim = 2}), output = x;
  guided.evaluate(x, 0.5, output);
}
