// SPDX-License-Identifier: MIT
/// The grid is not a number of steps.
// expect: TwistedSmc: an argument is missing or not in its place; it takes (sde, grid, options)
#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::VpSde sde;
  scoresde::TwistedSmc sampler{sde, 10};
}
