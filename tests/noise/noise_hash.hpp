// SPDX-License-Identifier: MIT
/// The published hash of the noise stream, which every compiler, flag and device must reproduce.
///
///   h ← (h ⊕ byte)·1099511628211 mod 2⁶⁴, from h = 14695981039346656037
///
/// FNV-1a with 64 bits (Fowler, Noll and Vo) over the float32 bits (low byte first) of 2²⁰ normals:
/// draw 1 of Noise{.seed = 2021}, 256 samples of 4096 elements in memory order.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include <scoresde/noise/noise.hpp>

namespace scoresde::testing {

/// The expected result of noise_hash().
inline constexpr std::uint64_t published_noise_hash = 0x3d60332c9823a3a4;

/// FNV-1a continued from `hash` over the bits of `values`.
constexpr std::uint64_t hash_bits(std::uint64_t hash, std::span<const float> values) {
  for (const float value : values) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    for (int byte = 0; byte < 4; ++byte) {
      hash ^= (bits >> (8 * byte)) & 0xffu;
      hash *= 1099511628211u;
    }
  }
  return hash;
}

/// The hash of the first 2²⁰ normals of the draw defined above.
inline std::uint64_t noise_hash() {
  constexpr std::size_t samples = 256, dim = 4096;
  const NoiseDraw draw = Noise{.seed = 2021}.draw(1);
  std::uint64_t hash = 14695981039346656037u;
  std::array<float, dim> z{};
  for (std::size_t k = 0; k < samples; ++k) {
    fill_normal(z, draw, k, 0);
    hash = hash_bits(hash, z);
  }
  return hash;
}

}  // namespace scoresde::testing
