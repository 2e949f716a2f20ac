// SPDX-License-Identifier: MIT
/// Prints the noise hash of this compiler and these flags; exits with status 1 unless it is the
/// published one and normals computed in tiles equal those computed one by one.
#include "noise_hash.hpp"

#include <cstdio>
#include <vector>

namespace {

/// Compares normals of `dim`-dimensional points, filled in one call, with those of single words.
bool flat_agrees(std::size_t dim) {
  const scoresde::NoiseDraw draw = scoresde::Noise{.seed = 5}.draw(8);
  std::vector<float> z(2000);
  scoresde::fill_normal_flat(z, draw, dim, 0);
  for (std::size_t i = 0; i < z.size(); ++i) {
    const std::size_t sample = i / dim, element = i % dim, even = element / 2 * 2;
    float pair[2];
    scoresde::box_muller(scoresde::noise_word(draw, sample, even),
                         scoresde::noise_word(draw, sample, even + 1), pair[0], pair[1]);
    if (z[i] != pair[element % 2]) return false;
  }
  return true;
}

}  // namespace

int main() {
  const unsigned long long hash = scoresde::testing::noise_hash();
  const unsigned long long published = scoresde::testing::published_noise_hash;
  std::printf("hash of 2^20 normals: 0x%016llx, published: 0x%016llx\n", hash, published);
  const bool agrees = flat_agrees(2) && flat_agrees(5) && flat_agrees(300);
  std::printf("in tiles and one by one: %s\n", agrees ? "equal" : "NOT EQUAL");
  return hash == published && agrees ? 0 : 1;
}
