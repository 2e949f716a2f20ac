// SPDX-License-Identifier: MIT
#include <algorithm>
#include <vector>

#include <scoresde/noise/flat_normal.hpp>

#include "support/catch.hpp"

using namespace scoresde;

TEST_CASE("flat order has the bits of fill_normal for every dimension, start and length") {
  const NoiseDraw draw = Noise{.seed = 21, .first_sample = 4}.draw(6);
  for (const std::size_t dim : {1, 2, 3, 4, 5, 7, 8, 31, 63, 64, 65, 256, 700}) {
    const std::size_t samples = 1400 / dim + 2;
    std::vector<float> whole(samples * dim);
    for (std::size_t k = 0; k < samples; ++k)
      fill_normal({whole.data() + k * dim, dim}, draw, k, 0);
    for (const std::size_t first : {0, 1, 2, 3, 64, 255, 257, 641})
      for (const std::size_t count : {0, 1, 3, 4, 5, 64, 255, 256, 257, 700}) {
        std::vector<float> z(count);
        fill_normal_flat(z, draw, dim, first);
        INFO("dim " << dim << ", first " << first << ", count " << count);
        CHECK(std::equal(z.begin(), z.end(), whole.begin() + std::ptrdiff_t(first)));
      }
  }
}
