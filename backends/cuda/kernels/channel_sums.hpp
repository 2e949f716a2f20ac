// SPDX-License-Identifier: MIT
/// Bias gradients: sums of activations over pixels, then over samples.
///
///   rows[n, k, c] = Σ over pixels of chunk k of dy[n, pixel, c]
///   out[o, c] ← or += Σ_r rows[o, r, c]          r < count, in a fixed order
///
/// One outer row with all samples and chunks as r gives dbias; one outer row per sample gives
/// dchannel_bias; applied to the sums of GroupNormBackward it gives dγ and dβ. All sums are
/// deterministic.
#pragma once

#include <scoresde/nn/graph/ops.hpp>

#include "kernels/channel_tile.hpp"

namespace scoresde::cuda {

/// Pixels reduced by a block of ChannelSums.
inline constexpr std::size_t channel_sum_chunk = 4096;

template <class T>
[[nodiscard]] ChannelTiles channel_sum_tiles(std::size_t samples, std::size_t pixels,
                                             std::size_t channels,
                                             std::size_t chunk = channel_sum_chunk) {
  // There is no shared-memory tile: the budget sets the pixels per block, in rows of 64 bytes.
  ChannelTiles tiles =
      make_channel_tiles<T>(samples, pixels, channels, 1, 1, channel_sum_chunk * 64);
  tiles.chunk = static_cast<std::uint32_t>(std::min(pixels, chunk));
  return tiles;
}

/// The sum of each channel over the pixels of a tile.
template <class T>
struct ChannelSums {
  static constexpr unsigned threads = tile_threads;

  ChannelTiles tiles;
  bool whole;
  const T* x;
  float* rows;  ///< (samples, chunks, channels)

  [[nodiscard]] GridSize grid() const { return tiles.grid(); }
  [[nodiscard]] unsigned shared_bytes() const {
    return shared_size<float>(threads * lanes<T>) + shared_size<float>(tiles.width);
  }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    auto partial = block.template shared<float>(threads * lanes<T>);
    auto sums = block.template shared<float>(tiles.width);
    const GridSize index = block.index();
    const ChannelTileIterator<T> walk(block.thread(), tiles.width);
    const T* const from = x + tiles.begin(index);
    VecF32<T> sum{};
    walk.for_each_vec(
        tiles.length(index.y), tiles.channels, whole,
        [&](std::size_t at, unsigned, auto extent) { add(sum, load(from + at, extent)); });
    reduce_channel_groups(block, walk, sum, partial, 1, tiles.width, 1.0f, sums);
    const std::size_t row = std::size_t{index.z} * tiles.chunks() + index.y;
    float* const to = rows + row * tiles.channels + index.x * tiles.width;
    for (unsigned c = block.thread(); c < tiles.width; c += threads) to[c] = sums[c];
  }
};

/// Sums of rows: eight groups of rows in parallel, then the groups' sums in order.
template <class T>
struct ReduceRows {
  static constexpr unsigned threads = 256, columns = 32, strips = threads / columns;

  const float* rows;
  std::uint32_t outer, count, channels;
  nn::Gradient<T> out;

  [[nodiscard]] GridSize grid() const { return {(channels + columns - 1) / columns, outer}; }
  [[nodiscard]] unsigned shared_bytes() const { return shared_size<float>(threads); }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    auto partial = block.template shared<float>(threads);
    const unsigned strip = block.thread() / columns;
    const std::uint32_t channel = block.index().x * columns + block.thread() % columns;
    const std::size_t first = std::size_t{block.index().y} * count;
    float sum = 0.0f;
    if (channel < channels) {
      SCORESDE_UNROLL(4)
      for (std::uint32_t r = strip; r < count; r += strips)
        sum += rows[(first + r) * channels + channel];
    }
    partial[block.thread()] = sum;
    block.sync();
    if (strip > 0 || channel >= channels) return;
    for (unsigned s = 1; s < strips; ++s) sum += partial[s * columns + block.thread()];
    T& to = out.data[std::size_t{block.index().y} * channels + channel];
    to = from_float<T>(out.accumulate ? to_float(to) + sum : sum);
  }
};

}  // namespace scoresde::cuda
