// SPDX-License-Identifier: MIT
/// A number is not an SDE.
// expect: SDE: drift(double t) const is missing or does not return double
#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::VpSde sde;
  scoresde::TwistedSmc sampler{1, uniform_grid(sde, 10)};
}
