// SPDX-License-Identifier: MIT
/// The integrator has no default.
// expect: ProbabilityFlow: an argument is missing or not in its place; it takes (sde, integrator,
// grid, options)
#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::VpSde sde;
  scoresde::ProbabilityFlow sampler{sde};
}
