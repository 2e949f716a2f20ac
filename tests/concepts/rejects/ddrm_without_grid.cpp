// SPDX-License-Identifier: MIT
/// DDRM has no default grid.
// expect: Ddrm: an argument is missing or not in its place; it takes (sde, grid, options)
#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::VpSde sde;
  scoresde::Ddrm sampler{sde};
}
