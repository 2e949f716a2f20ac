// SPDX-License-Identifier: MIT
/// The number of steps has no default.
// expect: time grid: the number of steps is missing; it takes (sde, steps)
#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::VpSde sde;
  const auto grid = log_snr_grid(sde);
}
