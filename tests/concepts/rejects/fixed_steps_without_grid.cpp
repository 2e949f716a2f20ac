// SPDX-License-Identifier: MIT
/// One step from T to the data is not a solution of the flow.
// expect: ProbabilityFlow: the grid is missing; a fixed-step method takes (sde, method, grid,
// options)
#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::VpSde sde;
  scoresde::ProbabilityFlow sampler{sde, scoresde::Heun{}};
}
