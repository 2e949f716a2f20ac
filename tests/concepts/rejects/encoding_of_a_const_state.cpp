// SPDX-License-Identifier: MIT
/// Encoding overwrites the data.
// expect: sampler: the state is const; a run writes to it
#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::VpSde sde;
  const scoresde::ProbabilityFlow flow{sde, scoresde::Heun{}, uniform_grid(sde, 10)};
  scoresde::Gaussian model(sde, {0, 0}, {1, 0, 0, 1});
  const scoresde::HostState<double> x({.samples = 1, .dim = 2});
  scoresde::Workspace<scoresde::HostState<double>, decltype(flow)::buffers> work(x);
  flow.encode(model, x, work);
}
