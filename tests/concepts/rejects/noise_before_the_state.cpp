// SPDX-License-Identifier: MIT
/// The noise is the third argument of a run.
// expect: sampler: the state is not in its place; the arguments are, in this order, model, state,
// noise, workspace and observer, as far as the call takes them
#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::VpSde sde;
  const scoresde::SolverSampler sampler{sde, scoresde::UniPc<2>{}, scoresde::log_snr_grid(sde, 10)};
  scoresde::HostState<double> x({.samples = 1, .dim = 2});
  scoresde::Gaussian model(sde, {0, 0}, {1, 1});
  sampler.sample(model, scoresde::Noise{.seed = 1}, x);
}
