// SPDX-License-Identifier: MIT
/// Only networks of discrete levels have a grid of levels.
// expect: discrete SDE: the SDE has no levels; it needs training_steps() and training_time(i)
#include <scoresde/sde/discrete_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>

int main() {
  const scoresde::VpSde sde;
  level_grid(sde, uniform_grid(sde, 10));
}
