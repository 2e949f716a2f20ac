// SPDX-License-Identifier: MIT
/// Group normalization, optionally followed by SiLU, channels-last.
///
///   x̂ = (x − μ)·r,  r = 1/√(var + ε),  y = γ x̂ + β or its SiLU
///
/// Wu and He 2018, arXiv:1803.08494. A block keeps its tile in shared memory, so x is read once.
/// The squares of x − μ are summed after μ is known, which avoids cancellation for large means.
/// Images that do not fit are split into chunks: each writes its mean and sum of squares, which a
/// second pass merges (Chan et al. 1979) and applies.
#pragma once

#include <cmath>

#include "kernels/activation.hpp"
#include "kernels/channel_tile.hpp"

namespace scoresde::cuda {

/// Shared memory per tile: three blocks fit on an SM of the H200, one on an SM of sm_120.
inline constexpr std::size_t tile_budget = 64 * 1024;

/// Extents of a group normalization.
struct GroupExtents {
  ChannelTiles tiles;
  std::uint32_t group;  ///< channels per group

  SCORESDE_HOST_DEVICE std::uint32_t groups_per_tile() const { return tiles.width / group; }
  SCORESDE_HOST_DEVICE std::uint32_t groups() const { return tiles.channels / group; }
  /// Index over all samples of group g of the block's tile.
  SCORESDE_HOST_DEVICE std::size_t index(GridSize block, std::uint32_t g) const {
    return std::size_t{block.z} * groups() + block.x * groups_per_tile() + g;
  }
  /// Size of the partial statistics in floats; 0 if each block has all pixels of its sample.
  [[nodiscard]] std::size_t partial_size() const {
    return tiles.chunks() == 1 ? 0 : std::size_t{2} * tiles.samples * tiles.chunks() * groups();
  }
};

/// Extents for which `tiles` tiles take at most `budget` bytes of shared memory.
template <class T>
[[nodiscard]] GroupExtents group_extents(const nn::GroupNorm& norm, const nn::Shape& x,
                                         std::size_t tiles, std::size_t budget = tile_budget) {
  const std::size_t group = x.c / norm.groups;
  return {make_channel_tiles<T>(x.n, x.pixels(), x.c, group, tiles * sizeof(T), budget),
          static_cast<std::uint32_t>(group)};
}

/// (x − mean)·scale + shift for a vector of channels.
template <class T>
struct ChannelAffine {
  VecF32<T> mean, scale, shift;

  SCORESDE_HOST_DEVICE VecF32<T> operator()(const VecF32<T>& x, bool with_silu) const {
    VecF32<T> y;
    for (unsigned i = 0; i < lanes<T>; ++i) {
      const float z = (x[i] - mean[i]) * scale[i] + shift[i];
      y[i] = with_silu ? silu(z) : z;
    }
    return y;
  }
};

/// A mean as an unevaluated sum of two floats, mean + rest, and 1/√(var + ε).
struct GroupStatistics {
  float mean, rest, reciprocal;
};

/// Arguments of the two kernels below.
template <class T>
struct GroupNormArguments {
  static constexpr unsigned threads = tile_threads;

  GroupExtents extents;
  float epsilon;
  bool with_silu, whole;  ///< whole: rows are 16-byte aligned
  const T* x;
  const float *gamma, *beta;
  T* y;
  float* statistics;  ///< (μ, r) per sample and group
  float* partial;     ///< (mean, Σ(x − mean)²) per sample, chunk and group

  [[nodiscard]] GridSize grid() const { return extents.tiles.grid(); }

  /// Writes y from packet(offset, index, extent), the vectors of x (see ChannelTileIterator), and
  /// stats(g), the statistics of group g of the tile.
  template <class Statistics, class Source>
  SCORESDE_DEVICE void normalize(GridSize block, const ChannelTileIterator<T>& walk,
                                 const Statistics& stats, const Source& vec) const {
    const ChannelTiles& tiles = extents.tiles;
    ChannelAffine<T> affine{};
    const std::size_t first = std::size_t{block.x} * tiles.width + walk.channel();
    for (unsigned i = 0; i < walk.count(); ++i) {
      const GroupStatistics s = stats((walk.channel() + i) / extents.group);
      affine.mean[i] = s.mean;
      affine.scale[i] = gamma[first + i] * s.reciprocal;
      affine.shift[i] = beta[first + i] - s.rest * affine.scale[i];
    }
    T* const out = y + tiles.begin(block);
    walk.for_each_vec(tiles.length(block.y), tiles.channels, whole,
                      [&](std::size_t at, unsigned i, auto extent) {
                        const Vec128 from = vec(at, i, extent);
                        store(out + at, affine(unpack<T>(from), with_silu), extent);
                      });
  }
  SCORESDE_DEVICE void keep(GridSize block, std::uint32_t g, const GroupStatistics& s) const {
    const std::size_t at = 2 * extents.index(block, g);
    statistics[at] = s.mean + s.rest;
    statistics[at + 1] = s.reciprocal;
  }
  /// Partial statistics of chunk k and group g of the tile.
  SCORESDE_DEVICE float* partial_of(GridSize block, std::uint32_t k, std::uint32_t g) const {
    const std::size_t row = std::size_t{block.z} * extents.tiles.chunks() + k;
    return partial + 2 * (row * extents.groups() + block.x * extents.groups_per_tile() + g);
  }
};

/// The whole normalization if a block has all pixels, otherwise the partial statistics of a chunk.
template <class T>
struct GroupNormForward : GroupNormArguments<T> {
  using Arguments = GroupNormArguments<T>;
  using Arguments::extents;
  using Arguments::threads;

  [[nodiscard]] unsigned shared_bytes() const {
    return shared_size<Vec128>(tile_size()) + shared_size<float>(threads * lanes<T>) +
           shared_size<float>(3 * extents.groups_per_tile());
  }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    auto tile = block.template shared<Vec128>(tile_size());
    auto sums = block.template shared<float>(threads * lanes<T>);
    auto moments = block.template shared<float>(3 * extents.groups_per_tile());
    const ChannelTileIterator<T> walk(block.thread(), extents.tiles.width);
    find_moments(block, walk, tile, sums, moments);
    const unsigned groups = extents.groups_per_tile();
    const GridSize at = block.index();
    const auto size = static_cast<float>(extents.tiles.length(at.y) * extents.group);
    const auto variance = [&](unsigned g) {
      const float rest = moments[groups + g], square = moments[2 * groups + g];
      return square - rest * rest;
    };
    if (extents.tiles.chunks() > 1) {
      for (unsigned g = block.thread(); g < groups; g += threads) {
        float* const out = Arguments::partial_of(at, at.y, g);
        out[0] = moments[g] + moments[groups + g];
        out[1] = size * variance(g);
      }
      return;
    }
    const auto stats = [&](unsigned g) {
      return GroupStatistics{moments[g], moments[groups + g],
                             1.0f / sqrtf(variance(g) + Arguments::epsilon)};
    };
    for (unsigned g = block.thread(); g < groups; g += threads) Arguments::keep(at, g, stats(g));
    Arguments::normalize(at, walk, stats,
                         [&](std::size_t, unsigned i, auto) -> Vec128 { return tile[i]; });
  }

 private:
  SCORESDE_HOST_DEVICE unsigned tile_size() const {
    return extents.tiles.chunk * vecs<T>(extents.tiles.width);
  }

  /// Per group of the tile: its mean m in float, then the means of x − m and (x − m)².
  template <class Block>
  SCORESDE_DEVICE void find_moments(Block& block, const ChannelTileIterator<T>& walk,
                                    typename Block::template Shared<Vec128> tile,
                                    typename Block::template Shared<float> sums,
                                    typename Block::template Shared<float> moments) const {
    const ChannelTiles& tiles = extents.tiles;
    const std::uint32_t pixels = tiles.length(block.index().y);
    const unsigned group = extents.group, groups = extents.groups_per_tile();
    const float share = 1.0f / static_cast<float>(pixels * group);
    const T* const from = Arguments::x + tiles.begin(block.index());
    VecF32<T> sum{}, square{}, mean{};
    walk.for_each_vec(pixels, tiles.channels, Arguments::whole,
                      [&](std::size_t at, unsigned i, auto extent) {
                        const Vec128 vec = load_vec(from + at, extent);
                        tile[i] = vec;
                        add(sum, unpack<T>(vec));
                      });
    reduce_channel_groups(block, walk, sum, sums, group, groups, share, moments);
    for (unsigned i = 0; i < walk.count(); ++i) mean[i] = moments[(walk.channel() + i) / group];
    sum = {};
    walk.for_each_vec(pixels, tiles.channels, true, [&](std::size_t, unsigned i, auto) {
      const VecF32<T> difference = unpack<T>(tile[i]) - mean;
      add(sum, difference);
      add(square, difference * difference);
    });
    reduce_channel_groups(block, walk, sum, sums, group, groups, share, moments + groups);
    reduce_channel_groups(block, walk, square, sums, group, groups, share, moments + 2 * groups);
  }
};

/// The second pass for images of several chunks.
template <class T>
struct GroupNormApply : GroupNormArguments<T> {
  using Arguments = GroupNormArguments<T>;
  using Arguments::extents;
  using Arguments::threads;

  [[nodiscard]] unsigned shared_bytes() const {
    return shared_size<float>(3 * extents.groups_per_tile());
  }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    const GridSize at = block.index();
    const unsigned groups = extents.groups_per_tile();
    auto found = block.template shared<float>(3 * groups);
    for (unsigned g = block.thread(); g < groups; g += threads) {
      const GroupStatistics s = epilogue(at, g);
      found[g] = s.mean;
      found[groups + g] = s.rest;
      found[2 * groups + g] = s.reciprocal;
      if (at.y == 0) Arguments::keep(at, g, s);
    }
    block.sync();
    const ChannelTileIterator<T> walk(block.thread(), extents.tiles.width);
    const T* const from = Arguments::x + extents.tiles.begin(at);
    Arguments::normalize(
        at, walk,
        [&](unsigned g) {
          return GroupStatistics{found[g], found[groups + g], found[2 * groups + g]};
        },
        [&](std::size_t offset, unsigned, auto extent) { return load_vec(from + offset, extent); });
  }

 private:
  /// n = a + b, δ = mean_b − mean_a: mean = mean_a + δ·b/n, M = M_a + M_b + δ²·a·b/n.
  SCORESDE_DEVICE GroupStatistics epilogue(GridSize at, unsigned g) const {
    double count = 0, mean = 0, squares = 0;
    SCORESDE_UNROLL(1)
    for (std::uint32_t k = 0; k < extents.tiles.chunks(); ++k) {
      const float* const part = Arguments::partial_of(at, k, g);
      const double more = static_cast<double>(extents.tiles.length(k)) * extents.group;
      const double difference = static_cast<double>(part[0]) - mean, all = count + more;
      const double share = more / all;
      mean += difference * share;
      squares += static_cast<double>(part[1]) + difference * difference * (count * share);
      count = all;
    }
    const auto rounded = static_cast<float>(mean);
    const auto variance = static_cast<float>(squares / count);
    return {rounded, static_cast<float>(mean - static_cast<double>(rounded)),
            1.0f / sqrtf(variance + Arguments::epsilon)};
  }
};

}  // namespace scoresde::cuda
