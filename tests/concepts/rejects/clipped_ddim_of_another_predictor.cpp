// SPDX-License-Identifier: MIT
/// The clipped step is that of DDIM.
// expect: ClippedDdim: an argument is missing or not in its place; it takes (sde, ddim, grid,
// options)
#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::VpSde sde;
  scoresde::ClippedDdim sampler{sde, scoresde::ReverseDiffusion{}, uniform_grid(sde, 10)};
}
