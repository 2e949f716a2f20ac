// SPDX-License-Identifier: MIT
#include "kernels/channel_tile.hpp"

#include "kernels/group_norm.hpp"
#include "support/catch.hpp"

using namespace scoresde;
using cuda::Bfloat16;
using cuda::ChannelTiles;
using cuda::make_channel_tiles;
using cuda::tile_budget;

namespace {

/// The properties that kernels rely on.
template <class T>
void check_rules(std::size_t samples, std::size_t pixels, std::size_t channels, std::size_t unit,
                 std::size_t bytes) {
  CAPTURE(samples, pixels, channels, unit, bytes);
  const ChannelTiles s = make_channel_tiles<T>(samples, pixels, channels, unit, bytes, tile_budget);
  CHECK(s.channels % s.width == 0);
  CHECK(s.width % unit == 0);
  if (channels % cuda::lanes<T> == 0) CHECK(s.width % cuda::lanes<T> == 0);
  CHECK(cuda::vecs<T>(s.width) <= cuda::tile_threads);
  CHECK(std::size_t{s.width} * s.chunk * bytes <= tile_budget);
  std::size_t sum = 0;
  for (std::uint32_t k = 0; k < s.chunks(); ++k) sum += s.length(k);
  CHECK(sum == pixels);
  // Sums of a sample have the same order in any batch.
  const ChannelTiles alone = make_channel_tiles<T>(1, pixels, channels, unit, bytes, tile_budget);
  CHECK(alone.width == s.width);
  CHECK(alone.chunk == s.chunk);
}

}  // namespace

TEMPLATE_TEST_CASE("tiles cover whole groups and fit in shared memory", "[emulated]", float,
                   Bfloat16) {
  for (const std::size_t side : {1, 2, 4, 7, 8, 16, 32, 64, 256})
    for (const std::size_t channels : {3, 4, 6, 15, 16, 32, 64, 96, 128, 256, 384, 512, 1024})
      for (const std::size_t groups : {1, 3, 4, 32})
        if (channels % groups == 0)
          for (const std::size_t tiles : {1, 2})
            check_rules<TestType>(5, side * side, channels, channels / groups,
                                  tiles * sizeof(TestType));
}

TEST_CASE("activations of the CIFAR-10 networks are read once", "[emulated]") {
  const auto width = [](std::size_t channels, std::size_t side, std::size_t tiles) {
    const ChannelTiles s =
        cuda::group_extents<Bfloat16>({.groups = 32}, {64, channels, side, side}, tiles).tiles;
    CHECK(s.chunks() == 1);
    return s.width;
  };
  CHECK(width(128, 32, 1) == 32);
  CHECK(width(384, 32, 1) == 24);  // groups of 12 channels in vectors of 8
  CHECK(width(256, 16, 1) == 32);
  CHECK(width(128, 32, 2) == 16);
  CHECK(width(256, 4, 1) == 256);
}
