// SPDX-License-Identifier: MIT
/// A workspace holds states of the type of x.
// expect: sampler: the workspace is not a variable of type Workspace<State, buffers> with the type
// of the state and the sampler's buffers
#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::VpSde sde;
  const scoresde::ProbabilityFlow flow{sde, scoresde::Heun{}, scoresde::uniform_grid(sde, 10)};
  scoresde::HostState<double> x({.samples = 1, .dim = 2});
  scoresde::Gaussian model(sde, {0, 0}, {1, 1});
  const scoresde::HostState<float> other({.samples = 1, .dim = 2});
  scoresde::Workspace<scoresde::HostState<float>, flow.buffers> work(other);
  flow.encode(model, x, work);
}
