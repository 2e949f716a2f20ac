// SPDX-License-Identifier: MIT
#include <bit>
#include <cstdint>
#include <set>

#include <scoresde/noise/philox.hpp>

#include "support/catch.hpp"

using namespace scoresde;

TEST_CASE("Philox matches the known answers of Random123 at run time too") {
  // volatile prevents constant folding, which the header's static_asserts already cover.
  volatile std::uint64_t zero = 0, ones = ~0ull, pi = 0x299f31d0a4093822;
  CHECK((philox4x32_10({{0, 0, 0, 0}}, zero) ==
         PhiloxBlock{{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}}));
  CHECK((philox4x32_10({{~0u, ~0u, ~0u, ~0u}}, ones) ==
         PhiloxBlock{{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}}));
  CHECK((philox4x32_10({{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}}, pi) ==
         PhiloxBlock{{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}));
}

TEST_CASE("every bit of counter and key changes about half of the output") {
  const PhiloxBlock origin{{1, 2, 3, 4}};
  const auto distance = [&](const PhiloxBlock& a) {
    const PhiloxBlock b = philox4x32_10(origin, 5);
    int bits = 0;
    for (int i = 0; i < 4; ++i) bits += std::popcount(a.word[i] ^ b.word[i]);
    return bits;
  };
  for (int bit = 0; bit < 128; ++bit) {
    PhiloxBlock counter = origin;
    counter.word[bit / 32] ^= 1u << (bit % 32);
    // 64 ± 5.7 are expected; 32 is more than five standard deviations away.
    CHECK(std::abs(distance(philox4x32_10(counter, 5)) - 64) < 32);
  }
  for (int bit = 0; bit < 64; ++bit)
    CHECK(std::abs(distance(philox4x32_10(origin, 5 ^ (1ull << bit))) - 64) < 32);
}

TEST_CASE("different counters give different blocks") {
  std::set<std::uint64_t> seen;
  for (std::uint32_t i = 0; i < 10000; ++i) {
    const PhiloxBlock b = philox4x32_10({{i, 0, 0, 0}}, 0);
    seen.insert(std::uint64_t(b.word[0]) << 32 | b.word[1]);
  }
  CHECK(seen.size() == 10000);
}
