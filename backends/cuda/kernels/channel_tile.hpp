// SPDX-License-Identifier: MIT
/// Channel tiles: the channels × pixels of a sample that one block processes in reductions over
/// pixels.
///
///   block (s, k, n): channels s·width …, pixels k·chunk … of sample n
///   thread t: the 128-bit vector in column t mod columns, of pixels ⌊t/columns⌋ + i·rows
///
/// A thread's channels are fixed, so it sums over pixels in registers; the block's sums are then
/// combined in shared memory. Width and chunk depend only on channels and pixels, and so does the
/// order of every sum: results are bit-identical in any batch.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>

#include <scoresde/error.hpp>

#include "kernels/block_sum.hpp"
#include "kernels/vec128.hpp"

namespace scoresde::cuda {

inline constexpr unsigned tile_threads = 256;

/// Tiling of activations (n, pixels, channels), channels innermost.
struct ChannelTiles {
  std::uint32_t samples, pixels, channels;
  std::uint32_t width;  ///< channels per tile; divides `channels`
  std::uint32_t chunk;  ///< pixels per tile, except the last

  SCORESDE_HOST_DEVICE std::uint32_t across() const { return channels / width; }
  SCORESDE_HOST_DEVICE std::uint32_t chunks() const { return (pixels + chunk - 1) / chunk; }
  [[nodiscard]] GridSize grid() const { return {across(), chunks(), samples}; }

  /// Pixels of chunk k.
  SCORESDE_HOST_DEVICE std::uint32_t length(std::uint32_t k) const {
    return k * chunk + chunk < pixels ? chunk : pixels - k * chunk;
  }
  /// Offset of the block's tile.
  SCORESDE_HOST_DEVICE std::size_t begin(GridSize block) const {
    return (std::size_t{block.z} * pixels + block.y * chunk) * channels + block.x * width;
  }
};

/// Chooses a tiling in which `unit` consecutive channels stay together and a tile of `bytes` per
/// element fits in `budget`, with all pixels of a sample if possible. Rows of a tile have at least
/// 64 bytes if there are enough channels; small images get more channels per tile to occupy the
/// block. Throws Error if a unit has more channels than a block can process.
template <class T>
[[nodiscard]] ChannelTiles make_channel_tiles(std::size_t samples, std::size_t pixels,
                                              std::size_t channels, std::size_t unit,
                                              std::size_t bytes, std::size_t budget) {
  if (channels % lanes<T> == 0) unit = std::lcm(unit, std::size_t{lanes<T>});
  const std::size_t most = std::size_t{tile_threads} * lanes<T>;
  require(unit <= most, "cuda: ", unit, " channels are normalized together; ", "at most ", most,
          " are allowed");
  const auto fits = [&](std::size_t width) { return pixels * width * bytes <= budget; };
  std::size_t width = unit;
  for (std::size_t wider = 2 * unit; wider <= std::min(channels, most); wider += unit) {
    if (channels % wider != 0) continue;
    const bool wide = width * sizeof(T) >= 64;
    const bool enough = width * pixels >= std::size_t{2} * tile_threads * lanes<T>;
    if ((wide && enough) || (!fits(wider) && (wide || fits(width)))) break;
    width = wider;
  }
  const std::size_t chunk = std::min(pixels, std::max<std::size_t>(1, budget / (width * bytes)));
  const auto narrowed = [](std::size_t n) { return static_cast<std::uint32_t>(n); };
  return {narrowed(samples), narrowed(pixels), narrowed(channels), narrowed(width),
          narrowed(chunk)};
}

/// A thread's vectors in a tile.
template <class T>
class ChannelTileIterator {
 public:
  SCORESDE_HOST_DEVICE ChannelTileIterator(unsigned thread, std::uint32_t width)
      : columns_(vecs<T>(width)),
        rows_(tile_threads / columns_),
        column_(thread % columns_),
        row_(thread / columns_),
        width_(width) {}

  SCORESDE_HOST_DEVICE unsigned columns() const { return columns_; }
  SCORESDE_HOST_DEVICE unsigned rows() const { return rows_; }
  /// Its first pixel; the thread is idle if row() ≥ rows().
  SCORESDE_HOST_DEVICE unsigned row() const { return row_; }
  SCORESDE_HOST_DEVICE unsigned column() const { return column_; }
  /// The first channel of its vector within the tile, and the number of channels in it.
  SCORESDE_HOST_DEVICE unsigned channel() const { return column_ * lanes<T>; }
  SCORESDE_HOST_DEVICE unsigned count() const {
    const unsigned left = width_ - channel();
    return left < lanes<T> ? left : lanes<T>;
  }

  /// Calls visit(offset from the tile's begin, index of the vector within it, its extent) for each
  /// of the thread's vectors in the first `pixels` pixels.
  template <class Visit>
  SCORESDE_HOST_DEVICE void for_each_vec(std::uint32_t pixels, std::uint32_t channels, bool whole,
                                         const Visit& visit) const {
    if (row_ >= rows_) return;
    with_extent(whole, count(), [&](auto extent) {
      SCORESDE_UNROLL(4)
      for (unsigned p = row_; p < pixels; p += rows_)
        visit(std::size_t{p} * channels + channel(), p * columns_ + column_, extent);
    });
  }

 private:
  unsigned columns_, rows_, column_, row_, width_;
};

/// Sums over the pixels of a block and over groups of `strip` consecutive channels.
///
///   out[i] ← factor·Σ values of channels i·strip …, i < strips
///
/// Several lanes of a warp add the values of a group in a fixed order. `partial` holds
/// tile_threads·lanes<T> floats. Ends with a barrier.
template <class T, class Block>
SCORESDE_DEVICE void reduce_channel_groups(Block& block, const ChannelTileIterator<T>& walk,
                                           const VecF32<T>& values,
                                           typename Block::template Shared<float> partial,
                                           unsigned strip, unsigned strips, float factor,
                                           typename Block::template Shared<float> out) {
  for (unsigned i = 0; i < lanes<T>; ++i) partial[i * tile_threads + block.thread()] = values[i];
  block.sync();
  const unsigned count = walk.rows() * strip;
  unsigned width = warp_size;
  while (width > count) width /= 2;
  const unsigned first = block.warp() * (warp_size / width), lane = block.lane() % width;
  for (unsigned begin = first; begin < strips; begin += tile_threads / width) {
    const unsigned s = begin + block.lane() / width;
    float sum = 0.0f;
    for (unsigned i = lane; s < strips && i < count; i += width) {
      const unsigned channel = s * strip + i % strip, row = i / strip;
      sum += partial[channel % lanes<T> * tile_threads + row * walk.columns() + channel / lanes<T>];
    }
    for (unsigned mask = width / 2; mask > 0; mask /= 2) sum += block.shuffle_xor(sum, mask);
    if (lane == 0 && s < strips) out[s] = factor * sum;
  }
  block.sync();
}

}  // namespace scoresde::cuda
