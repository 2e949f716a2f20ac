// SPDX-License-Identifier: MIT
/// One step is not a solution of the flow.
// expect: ProbabilityFlowLikelihood: the grid is missing; a fixed-step method takes (sde, method,
// trace, grid)
#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::VpSde sde;
  scoresde::ProbabilityFlowLikelihood likelihood{sde, scoresde::Heun{}};
}
