// SPDX-License-Identifier: MIT
/// Gradient of group normalization, optionally followed by SiLU, channels-last.
///
///   dz = dy·silu'(z) or dy,   P_c = Σ dz x̂,  S_c = Σ dz            over pixels
///   dx = r (γ dz − mean(γ dz) − x̂ mean(γ dz·x̂))                   means over the group
///   dγ_c += Σ P_c,  dβ_c += Σ S_c                                 over samples in ascending order
///
/// Wu and He 2018, arXiv:1803.08494. A block keeps its tile of x and dy in shared memory, so each
/// is read once; ReduceRows then adds the per-sample sums to dγ and dβ. Images that do not fit are
/// split into chunks and read twice.
#pragma once

#include "kernels/group_norm.hpp"

namespace scoresde::cuda {

/// Arguments of the two kernels below.
template <class T>
struct GroupNormGradient {
  static constexpr unsigned threads = tile_threads;

  GroupExtents extents;  ///< for two tiles
  bool with_silu, whole;
  const T *x, *dy;
  const float *gamma, *beta;
  const float* statistics;  ///< (μ, r) per sample and group
  nn::Gradient<T> dx;
  float* sums;  ///< P, then S: each (samples, chunks, channels)

  [[nodiscard]] GridSize grid() const { return extents.tiles.grid(); }
  /// Size of `sums` in floats.
  [[nodiscard]] static std::size_t sums_size(const GroupExtents& extents) {
    return std::size_t{2} * extents.tiles.samples * extents.tiles.chunks() * extents.tiles.channels;
  }

  /// P of the tile's first channel in chunk k; S is `to_plain_sums` elements further.
  SCORESDE_DEVICE float* sums_of(GridSize block, std::uint32_t k) const {
    const std::size_t row = std::size_t{block.z} * extents.tiles.chunks() + k;
    return sums + row * extents.tiles.channels + block.x * extents.tiles.width;
  }
  SCORESDE_DEVICE std::size_t to_plain_sums() const {
    return std::size_t{extents.tiles.samples} * extents.tiles.chunks() * extents.tiles.channels;
  }
  SCORESDE_DEVICE float reciprocal(GridSize block, std::uint32_t g) const {
    return statistics[2 * extents.index(block, g) + 1];
  }

  /// The forward normalization of the thread's channels.
  SCORESDE_DEVICE ChannelAffine<T> affine(GridSize block,
                                          const ChannelTileIterator<T>& walk) const {
    ChannelAffine<T> out{};
    const std::size_t first = std::size_t{block.x} * extents.tiles.width + walk.channel();
    for (unsigned i = 0; i < walk.count(); ++i) {
      const std::uint32_t g = (walk.channel() + i) / extents.group;
      out.mean[i] = statistics[2 * extents.index(block, g)];
      out.scale[i] = gamma[first + i] * reciprocal(block, g);
      out.shift[i] = beta[first + i];
    }
    return out;
  }
  /// dz for centered values c = x − μ.
  SCORESDE_DEVICE VecF32<T> inner_gradient(const ChannelAffine<T>& affine,
                                           const VecF32<T>& centered, VecF32<T> d) const {
    if (with_silu)
      for (unsigned i = 0; i < lanes<T>; ++i)
        d[i] *= silu_slope(centered[i] * affine.scale[i] + affine.shift[i]);
    return d;
  }

  /// terms[2g], terms[2g + 1] ← r·mean(γ dz), r²·mean(γ dz·x̂) from P and S of the tile's channels.
  template <class Block>
  SCORESDE_DEVICE void find_terms(Block& block, typename Block::template Shared<float> channel_sums,
                                  typename Block::template Shared<float> terms) const {
    const ChannelTiles& tiles = extents.tiles;
    const float size = static_cast<float>(tiles.pixels) * static_cast<float>(extents.group);
    const float* const factor = gamma + std::size_t{block.index().x} * tiles.width;
    for (unsigned g = block.warp(); g < extents.groups_per_tile(); g += threads / warp_size) {
      float product = 0.0f, plain = 0.0f;
      for (unsigned c = g * extents.group + block.lane(); c < (g + 1) * extents.group;
           c += warp_size) {
        product += factor[c] * channel_sums[c];
        plain += factor[c] * channel_sums[tiles.width + c];
      }
      product = warp_sum(block, product);
      plain = warp_sum(block, plain);
      const float r = reciprocal(block.index(), g);
      if (block.lane() == 0) {
        terms[2 * g] = r * plain / size;
        terms[2 * g + 1] = r * r * product / size;
      }
    }
    block.sync();
  }

  /// Stores or accumulates dx from packets(offset, index, extent), the vectors of x and dy.
  template <class Terms, class Source>
  SCORESDE_DEVICE void spread(GridSize block, const ChannelTileIterator<T>& walk,
                              const ChannelAffine<T>& affine, const Terms& terms,
                              const Source& vecs) const {
    const ChannelTiles& tiles = extents.tiles;
    VecF32<T> shift{}, slope{};
    for (unsigned i = 0; i < walk.count(); ++i) {
      const unsigned g = (walk.channel() + i) / extents.group;
      shift[i] = terms[2 * g];
      slope[i] = terms[2 * g + 1];
    }
    T* const to = dx.data + tiles.begin(block);
    walk.for_each_vec(tiles.length(block.y), tiles.channels, whole,
                      [&](std::size_t at, unsigned index, auto extent) {
                        const auto [value, d] = vecs(at, index, extent);
                        const VecF32<T> centered = unpack<T>(value) - affine.mean;
                        const VecF32<T> dz = inner_gradient(affine, centered, unpack<T>(d));
                        VecF32<T> out;
                        for (unsigned i = 0; i < lanes<T>; ++i)
                          out[i] = dz[i] * affine.scale[i] - shift[i] - centered[i] * slope[i];
                        store(to + at, out, extent, dx.accumulate);
                      });
  }
};

/// Vectors of x and dy at the same offset.
struct VecPair {
  Vec128 value, gradient;
};

/// The sums of a chunk and, if the chunk is the whole image, dx.
template <class T>
struct GroupNormBackward : GroupNormGradient<T> {
  using Arguments = GroupNormGradient<T>;
  using Arguments::extents;
  using Arguments::threads;

  [[nodiscard]] unsigned shared_bytes() const {
    return 2 * shared_size<Vec128>(tile_size()) + shared_size<float>(threads * lanes<T>) +
           shared_size<float>(2 * extents.tiles.width) +
           shared_size<float>(2 * extents.groups_per_tile());
  }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    auto values = block.template shared<Vec128>(tile_size());
    auto gradients = block.template shared<Vec128>(tile_size());
    auto partial = block.template shared<float>(threads * lanes<T>);
    auto channel_sums = block.template shared<float>(2 * extents.tiles.width);
    auto terms = block.template shared<float>(2 * extents.groups_per_tile());
    const ChannelTiles& tiles = extents.tiles;
    const GridSize index = block.index();
    const ChannelTileIterator<T> walk(block.thread(), tiles.width);
    const ChannelAffine<T> affine = Arguments::affine(index, walk);
    VecF32<T> product{}, plain{};
    const std::size_t begin = tiles.begin(index);
    walk.for_each_vec(tiles.length(index.y), tiles.channels, Arguments::whole,
                      [&](std::size_t at, unsigned i, auto extent) {
                        const Vec128 value = load_vec(Arguments::x + begin + at, extent);
                        const Vec128 gradient = load_vec(Arguments::dy + begin + at, extent);
                        values[i] = value;
                        gradients[i] = gradient;
                        const VecF32<T> centered = unpack<T>(value) - affine.mean;
                        const VecF32<T> dz =
                            Arguments::inner_gradient(affine, centered, unpack<T>(gradient));
                        add(product, dz * centered);
                        add(plain, dz);
                      });
    reduce_channel_groups(block, walk, product, partial, 1, tiles.width, 1.0f, channel_sums);
    reduce_channel_groups(block, walk, plain, partial, 1, tiles.width, 1.0f,
                          channel_sums + tiles.width);
    leave_sums(block, channel_sums);
    if (Arguments::dx.data == nullptr || tiles.chunks() > 1) return;
    Arguments::find_terms(block, channel_sums, terms);
    Arguments::spread(index, walk, affine, terms, [&](std::size_t, unsigned i, auto) {
      return VecPair{values[i], gradients[i]};
    });
  }

 private:
  SCORESDE_HOST_DEVICE unsigned tile_size() const {
    return extents.tiles.chunk * vecs<T>(extents.tiles.width);
  }
  /// Converts Σ dz (x − μ) to Σ dz x̂, and writes both sums of every channel.
  template <class Block>
  SCORESDE_DEVICE void leave_sums(Block& block,
                                  typename Block::template Shared<float> channel_sums) const {
    const std::uint32_t width = extents.tiles.width;
    float* const to = Arguments::sums_of(block.index(), block.index().y);
    for (unsigned c = block.thread(); c < width; c += threads) {
      const float r = Arguments::reciprocal(block.index(), c / extents.group);
      const float product = r * channel_sums[c];
      channel_sums[c] = product;
      to[c] = product;
      to[Arguments::to_plain_sums() + c] = channel_sums[width + c];
    }
    block.sync();
  }
};

/// dx of images of several chunks, after their sums have been computed.
template <class T>
struct GroupNormBackwardApply : GroupNormGradient<T> {
  using Arguments = GroupNormGradient<T>;
  using Arguments::extents;
  using Arguments::threads;

  [[nodiscard]] unsigned shared_bytes() const {
    return shared_size<float>(2 * extents.tiles.width) +
           shared_size<float>(2 * extents.groups_per_tile());
  }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    auto channel_sums = block.template shared<float>(2 * extents.tiles.width);
    auto terms = block.template shared<float>(2 * extents.groups_per_tile());
    const ChannelTiles& tiles = extents.tiles;
    const GridSize index = block.index();
    for (unsigned c = block.thread(); c < tiles.width; c += threads) {
      float product = 0.0f, plain = 0.0f;
      for (std::uint32_t k = 0; k < tiles.chunks(); ++k) {
        const float* const from = Arguments::sums_of(index, k) + c;
        product += from[0];
        plain += from[Arguments::to_plain_sums()];
      }
      channel_sums[c] = product;
      channel_sums[tiles.width + c] = plain;
    }
    block.sync();
    Arguments::find_terms(block, channel_sums, terms);
    const ChannelTileIterator<T> walk(block.thread(), tiles.width);
    const std::size_t begin = tiles.begin(index);
    Arguments::spread(index, walk, Arguments::affine(index, walk), terms,
                      [&](std::size_t at, unsigned, auto extent) {
                        return VecPair{load_vec(Arguments::x + begin + at, extent),
                                       load_vec(Arguments::dy + begin + at, extent)};
                      });
  }
};

}  // namespace scoresde::cuda
