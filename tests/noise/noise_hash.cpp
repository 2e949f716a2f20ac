// SPDX-License-Identifier: MIT
/// Prints the noise hash of this compiler and these flags; status 1 unless it is the published one.
#include "noise_hash.hpp"

#include <cstdio>

int main() {
  const unsigned long long hash = scoresde::testing::noise_hash();
  const unsigned long long published = scoresde::testing::published_noise_hash;
  std::printf("hash of 2^20 normals: 0x%016llx, published: 0x%016llx\n", hash, published);
  return hash == published ? 0 : 1;
}
