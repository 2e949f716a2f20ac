// SPDX-License-Identifier: MIT
/// The SDE is the first argument of every sampler.
// expect: SDE: drift(double t) const is missing or does not return double
#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::SolverSampler sampler{scoresde::UniPc<2>{},
                                        scoresde::uniform_grid(scoresde::VpSde(), 10)};
}
