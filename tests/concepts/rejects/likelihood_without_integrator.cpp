// SPDX-License-Identifier: MIT
/// The integrator has no default.
// expect: ProbabilityFlowLikelihood: an argument is missing or not in its place; it takes (sde,
// integrator, trace, grid, log_p)
#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::VpSde sde;
  scoresde::ProbabilityFlowLikelihood likelihood{sde};
}
