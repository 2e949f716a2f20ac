// SPDX-License-Identifier: MIT
/// Philox4x32-10: a counter-based generator of four 32-bit words from a counter and a key.
///
///   (c₀, c₁, c₂, c₃) ← (hi(M₁c₂) ⊕ c₁ ⊕ k₀, lo(M₁c₂), hi(M₀c₀) ⊕ c₃ ⊕ k₁, lo(M₀c₀)), ten times,
///   (k₀, k₁) ← (k₀ + W₀, k₁ + W₁) between the rounds
///
/// Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", SC'11, section 4.3.
#pragma once

#include <array>
#include <cstdint>

#include <scoresde/host_device.hpp>

namespace scoresde {

/// Four words of a counter or of the output.
struct PhiloxBlock {
  std::uint32_t word[4];
  constexpr bool operator==(const PhiloxBlock&) const = default;
};

/// One round on (c0, c1, c2, c3) in place, under the key (k0, k1).
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE constexpr void philox_round(
    std::uint32_t& c0, std::uint32_t& c1, std::uint32_t& c2, std::uint32_t& c3, std::uint32_t k0,
    std::uint32_t k1) {
  constexpr std::uint32_t m0 = 0xD2511F53, m1 = 0xCD9E8D57;
  // Computing low halves separately lets vector units avoid shuffling words.
  const auto high0 = static_cast<std::uint32_t>((std::uint64_t{m0} * c0) >> 32);
  const auto high1 = static_cast<std::uint32_t>((std::uint64_t{m1} * c2) >> 32);
  const std::uint32_t low0 = m0 * c0;
  const std::uint32_t low1 = m1 * c2;
  c0 = high1 ^ c1 ^ k0;
  c1 = low1;
  c2 = high0 ^ c3 ^ k1;
  c3 = low0;
}

/// The key of the next round.
SCORESDE_HOST_DEVICE constexpr void next_philox_key(std::uint32_t& k0, std::uint32_t& k1) {
  k0 += 0x9E3779B9;
  k1 += 0xBB67AE85;
}

/// All ten rounds, in integer arithmetic only: bit-identical on every compiler and device.
SCORESDE_HOST_DEVICE constexpr PhiloxBlock philox4x32_10(PhiloxBlock counter, std::uint64_t key) {
  auto k0 = static_cast<std::uint32_t>(key);
  auto k1 = static_cast<std::uint32_t>(key >> 32);
  auto& c = counter.word;
  for (int round = 0; round < 10; ++round) {
    philox_round(c[0], c[1], c[2], c[3], k0, k1);
    next_philox_key(k0, k1);
  }
  return counter;
}

// Known-answer tests of the Random123 distribution (kat_vectors, philox 4x32 10).
static_assert(philox4x32_10({{0, 0, 0, 0}}, 0) ==
              PhiloxBlock{{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}});
static_assert(philox4x32_10({{~0u, ~0u, ~0u, ~0u}}, ~std::uint64_t{0}) ==
              PhiloxBlock{{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}});
static_assert(philox4x32_10({{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}},
                            0x299f31d0a4093822) ==
              PhiloxBlock{{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}});

}  // namespace scoresde
