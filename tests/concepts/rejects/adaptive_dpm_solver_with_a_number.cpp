// SPDX-License-Identifier: MIT
/// Tolerances are options.
// expect: AdaptiveDpmSolver: an argument is missing or not in its place; it takes (sde, pair,
// span, options)
#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::VpSde sde;
  scoresde::AdaptiveDpmSolver sampler{sde, scoresde::DpmSolver23{}, 0.01};
}
