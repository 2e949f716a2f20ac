// SPDX-License-Identifier: MIT
/// A workspace holds as many states as its sampler needs.
// expect: sampler: the workspace is not a variable of type Workspace<State, buffers> with the type
// of the state and the sampler's buffers
#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::VpSde sde;
  const scoresde::SolverSampler sampler{sde, scoresde::UniPc<2>{}, scoresde::log_snr_grid(sde, 10)};
  scoresde::HostState<double> x({.samples = 1, .dim = 2});
  scoresde::Gaussian model(sde, {0, 0}, {1, 1});
  scoresde::Workspace<scoresde::HostState<double>, sampler.buffers + 1> work(x);
  sampler.integrate(model, x, scoresde::Noise{.seed = 1}, work);
}
