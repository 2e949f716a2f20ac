// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>
#include <vector>

#include <scoresde/noise/noise.hpp>

#include "noise/noise_hash.hpp"
#include "support/catch.hpp"

using namespace scoresde;

namespace {

std::vector<float> elements(NoiseDraw draw, std::size_t sample, std::size_t first,
                            std::size_t count) {
  std::vector<float> z(count);
  fill_normal(z, draw, sample, first);
  return z;
}

}  // namespace

TEST_CASE("the noise stream has the published hash") {
  CHECK(testing::noise_hash() == testing::published_noise_hash);
}

TEST_CASE("the hash detects a change of one bit") {
  const std::vector<float> a{1, 2, 3}, b{1, 2, std::nextafter(3.0f, 4.0f)};
  CHECK(testing::hash_bits(1, a) != testing::hash_bits(1, b));
  // The published FNV-1a test vector for the bytes "foob", which form one float.
  const float foob = std::bit_cast<float>(std::uint32_t{0x626f6f66});
  CHECK(testing::hash_bits(14695981039346656037u, std::span(&foob, 1)) == 0xdd120e790c2512afu);
}

TEST_CASE("any offset and length give the same elements") {
  const NoiseDraw draw = Noise{.seed = 6}.draw(3);
  const auto whole = elements(draw, 2, 0, 1100);
  for (const std::size_t first : {0, 1, 2, 3, 4, 5, 7, 63, 255, 256, 257, 511, 777})
    for (const std::size_t count : {0, 1, 2, 3, 4, 5, 6, 7, 9, 64, 255, 256, 257, 300}) {
      const auto part = elements(draw, 2, first, count);
      INFO("first " << first << ", count " << count);
      CHECK(std::equal(part.begin(), part.end(), whole.begin() + std::ptrdiff_t(first)));
    }
}

TEST_CASE(
    "fill_normal_flat is bit-identical to fill_normal for every dimension, start and length") {
  const NoiseDraw draw = Noise{.seed = 21, .first_sample = 4}.draw(6);
  for (const std::size_t dim : {1, 2, 3, 4, 5, 7, 8, 31, 63, 64, 65, 256, 700}) {
    const std::size_t samples = 1400 / dim + 2;
    std::vector<float> whole;
    for (std::size_t k = 0; k < samples; ++k)
      for (const float z : elements(draw, k, 0, dim)) whole.push_back(z);
    for (const std::size_t first : {0, 1, 2, 3, 64, 255, 257, 641})
      for (const std::size_t count : {0, 1, 3, 4, 5, 64, 255, 256, 257, 700}) {
        // The value after the last one must not change.
        std::vector<float> z(count + 1, 9.0f);
        fill_normal_flat({z.data(), count}, draw, dim, first);
        INFO("dim " << dim << ", first " << first << ", count " << count);
        CHECK(std::equal(z.begin(), z.end() - 1, whole.begin() + std::ptrdiff_t(first)));
        CHECK(z.back() == 9.0f);
      }
  }
}

TEST_CASE("a sample does not depend on its batch") {
  const Noise batch{.seed = 77}, later{.seed = 77, .first_sample = 17};
  for (std::size_t k = 0; k < 5; ++k)
    CHECK(elements(batch.draw(4), 17 + k, 0, 100) == elements(later.draw(4), k, 0, 100));
}

TEST_CASE("each seed, purpose, draw, sample and element gives a different number") {
  std::set<std::uint64_t> seen;
  std::size_t drawn = 0;
  for (const std::uint64_t seed : {0ull, 1ull, 1ull << 32})
    for (int purpose = 0; purpose <= 7; ++purpose)
      for (const std::uint64_t index : {0ull, 1ull, 2ull, 1ull << 32, (1ull << 56) - 1})
        for (const std::uint32_t sample : {0u, 1u, 2u, ~0u - 8})
          for (std::uint32_t quad = 0; quad < 3; ++quad) {
            const auto draw = Noise{.seed = seed, .purpose = Purpose(purpose)}.draw(index);
            const PhiloxBlock b = noise_words(draw, sample, quad);
            seen.insert(std::uint64_t(b.word[0]) << 32 | b.word[1]);
            ++drawn;
          }
  CHECK(seen.size() == drawn);
}

TEST_CASE("the purpose is the top byte of the index, which a draw index cannot overwrite") {
  const NoiseDraw draw = Noise{.purpose = Purpose::probe}.draw(~0ull);
  CHECK(draw.index == 0x05ff'ffff'ffff'ffffull);
  CHECK(Noise{.purpose = Purpose::dropout}.draw(1).index !=
        Noise{.purpose = Purpose::training_noise}.draw(1).index);
}

TEST_CASE("uniform numbers are strictly between 0 and 1 and uniformly distributed") {
  constexpr std::size_t count = 1 << 18, bins = 64;
  const NoiseDraw draw = Noise{.seed = 2, .purpose = Purpose::training_time}.draw(0);
  std::vector<double> bin(bins);
  double lowest = 1, highest = 0;
  for (std::size_t e = 0; e < count; ++e) {
    const double u = uniform(draw, e / 1000, e % 1000);
    lowest = std::min(lowest, u);
    highest = std::max(highest, u);
    bin[static_cast<std::size_t>(u * bins)] += 1;
  }
  CHECK(lowest > 0);
  CHECK(highest < 1);
  double chi_squared = 0;
  for (const double found : bin)
    chi_squared += (found - count / bins) * (found - count / bins) / (count / bins);
  // 63 degrees of freedom: 63 ± 11; 108 is exceeded for one seed in 3000.
  CHECK(chi_squared < 108);
  CHECK(chi_squared > 30);
}

TEST_CASE("noise_word returns the words from which fill_normal computes an element") {
  const NoiseDraw draw = Noise{.seed = 4}.draw(2);
  for (std::size_t e = 0; e < 12; e += 2) {
    float z0 = 0, z1 = 0;
    scoresde::box_muller(noise_word(draw, 3, e), noise_word(draw, 3, e + 1), z0, z1);
    CHECK(elements(draw, 3, e, 2) == std::vector<float>{z0, z1});
  }
}
