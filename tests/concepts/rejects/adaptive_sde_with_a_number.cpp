// SPDX-License-Identifier: MIT
/// Tolerances are options.
// expect: AdaptiveSde: an argument is missing or not in its place; it takes (sde, span, options)
#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::VpSde sde;
  scoresde::AdaptiveSde sampler{sde, 0.01};
}
