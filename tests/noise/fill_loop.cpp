// SPDX-License-Identifier: MIT
// Compiled to assembly by packed.cmake.
#include <scoresde/noise/noise.hpp>

void fill(std::span<float> z, scoresde::NoiseDraw draw) { scoresde::fill_normal(z, draw, 0, 0); }
