// SPDX-License-Identifier: MIT
/// The flow depends on the SDE.
// expect: ProbabilityFlow: an argument is missing or not in its place; it takes (sde, integrator,
// grid, options)
#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::VpSde sde;
  scoresde::ProbabilityFlow sampler{scoresde::scipy_rk45()};
}
