// SPDX-License-Identifier: MIT
/// Only networks of discrete levels have timesteps.
// expect: discrete SDE: the SDE has no levels; it needs training_steps() and training_time(i)
#include <scoresde/sde/timestep_grid.hpp>
#include <scoresde/sde/vp_sde.hpp>

int main() { timestep_grid(scoresde::VpSde(), 10); }
