// SPDX-License-Identifier: MIT
#include <vector>

#include <scoresde/noise/normal_tile.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using scoresde::NormalTile;

namespace {

std::vector<float> one_by_one(const std::vector<PhiloxBlock>& counters, std::uint64_t key) {
  std::vector<float> z;
  for (const PhiloxBlock& counter : counters) {
    const PhiloxBlock b = philox4x32_10(counter, key);
    float normal[4];
    scoresde::box_muller(b.word[0], b.word[1], normal[0], normal[1]);
    scoresde::box_muller(b.word[2], b.word[3], normal[2], normal[3]);
    z.insert(z.end(), normal, normal + 4);
  }
  return z;
}

std::vector<float> written(NormalTile& tile, std::uint64_t key) {
  std::vector<float> z(NormalTile::size);
  tile.write(key, z.data());
  return z;
}

}  // namespace

TEST_CASE("a tile is bit-identical to its counters one by one") {
  for (std::uint32_t round = 0; round < 200; ++round) {
    NormalTile tile;
    std::vector<PhiloxBlock> counters;
    const std::uint64_t key = 0x9e3779b97f4a7c15 * (round + 1);
    for (std::uint32_t i = 0; i < NormalTile::counters; ++i) {
      counters.push_back(philox4x32_10({{i, round, 0, 0}}, 7));
      tile.set(i, counters.back());
    }
    CHECK(written(tile, key) == one_by_one(counters, key));
  }
}

TEST_CASE("a row counts up from its first counter and wraps around") {
  for (const std::uint32_t first : {0u, 64u, 0xfffffff0u}) {
    NormalTile tile;
    tile.set_row({{first, 5, 6, 7}});
    std::vector<PhiloxBlock> counters;
    for (std::uint32_t i = 0; i < NormalTile::counters; ++i)
      counters.push_back({{first + i, 5, 6, 7}});
    CHECK(written(tile, 3) == one_by_one(counters, 3));
  }
}
