// SPDX-License-Identifier: MIT
/// PhiloxTile and NormalTile: 64 counters in parallel, 256 words or normals at a time.
///
///   z[4i + j] = lane j of normal4(philox4x32_10(counter i, key))
///
/// Bit-identical to philox4x32_10 and box_muller applied counter by counter. Words are stored as a
/// structure of arrays; all loops have a constant trip count and no branches, calls or aliasing
/// arrays, so compilers vectorize them at -O2.
#pragma once

#include <cstddef>
#include <cstdint>

#include <scoresde/noise/normal.hpp>
#include <scoresde/noise/philox.hpp>

namespace scoresde {

/// The words of 64 counters: word[j][i] is word j of counter i, before mix() and after it.
struct PhiloxTile {
  static constexpr std::size_t counters = 64;

  void set(std::size_t i, const PhiloxBlock& counter) {
    for (std::size_t j = 0; j < 4; ++j) word[j][i] = counter.word[j];
  }

  /// Sets all counters: word 0 counts up from that of `first`, the others are equal to it.
  void set_row(const PhiloxBlock& first) {
    for (std::size_t i = 0; i < counters; ++i)
      word[0][i] = first.word[0] + static_cast<std::uint32_t>(i);
    for (std::size_t j = 1; j < 4; ++j)
      for (std::size_t i = 0; i < counters; ++i) word[j][i] = first.word[j];
  }

  /// Replaces each counter by its random words.
  SCORESDE_ALWAYS_INLINE void mix(std::uint64_t key) {
    auto k0 = static_cast<std::uint32_t>(key);
    auto k1 = static_cast<std::uint32_t>(key >> 32);
    for (int round = 0; round < 10; ++round) {
      for (std::size_t i = 0; i < counters; ++i)
        philox_round(word[0][i], word[1][i], word[2][i], word[3][i], k0, k1);
      next_philox_key(k0, k1);
    }
  }

  alignas(64) std::uint32_t word[4][counters] = {};
};

struct NormalTile : PhiloxTile {
  static constexpr std::size_t size = 4 * counters;

  /// Writes `size` normals and consumes the counters.
  SCORESDE_ALWAYS_INLINE void write(std::uint64_t key, float* z) {
    mix(key);
    alignas(64) float lane[4][counters];
    for (std::size_t j = 0; j < 4; j += 2)
      for (std::size_t i = 0; i < counters; ++i)
        box_muller(word[j][i], word[j + 1][i], lane[j][i], lane[j + 1][i]);
    for (std::size_t i = 0; i < counters; ++i) {
      z[4 * i] = lane[0][i];
      z[4 * i + 1] = lane[1][i];
      z[4 * i + 2] = lane[2][i];
      z[4 * i + 3] = lane[3][i];
    }
  }
};

}  // namespace scoresde
