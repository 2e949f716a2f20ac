// SPDX-License-Identifier: MIT
/// The number of steps has no default.
// expect: time grid: the number of steps is missing; it takes (sde, steps)
#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::EdmSde sde;
  const auto grid = karras_grid(sde);
}
