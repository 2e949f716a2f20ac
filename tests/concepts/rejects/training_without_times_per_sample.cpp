// SPDX-License-Identifier: MIT
/// Each image of a training batch has its own time.
// expect: denoising score matching requires a score model with evaluate(x, times, output)
#include <scoresde/networks.hpp>
#include <scoresde/scoresde.hpp>

using State = scoresde::HostState<double>;

struct OneTimeForAll {
  void evaluate(const State& x, double, State& output) { output = x; }
  scoresde::ScoreForm score_form(double) const { return {0, 1}; }
};

int main() {
  State x({.samples = 2, .dim = 2});
  scoresde::LossWorkspace<State> work(x);
  OneTimeForAll model;
  scoresde::DenoisingScoreMatching{}(scoresde::VpSde{}, model, x, scoresde::Noise{}.draw(1), work);
}
