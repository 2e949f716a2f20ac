// SPDX-License-Identifier: MIT
/// Row-wise softmax of attention scores, and its gradient.
///
///   p = softmax(s·scale),   ds = scale·p ∘ (dp − Σ p·dp)
///
/// Vaswani et al. 2017, arXiv:1706.03762, equation 1. The first pass computes maximum and sum
/// together (Milakov and Gimelshein 2018, arXiv:1805.02867), the second writes. Scores are float or
/// the activation type T; the output may alias them if the types agree.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/activation.hpp"
#include "kernels/block.hpp"
#include "kernels/vec128.hpp"

namespace scoresde::cuda {

/// Loads as many elements of type From as a vector of T has, such as float scores for Bfloat16.
template <class T, class From, class Extent>
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE VecF32<T> load_as(const From* from, Extent extent) {
  if constexpr (std::is_same_v<T, From>) {
    return load(from, extent);
  } else {
    static_assert(std::is_same_v<From, float> && lanes<T> == 2 * lanes<float>);
    VecF32<T> out{};
    if constexpr (std::is_same_v<Extent, FullVec>) {
      const VecF32<float> low = load(from, extent), high = load(from + lanes<float>, extent);
      for (unsigned i = 0; i < lanes<float>; ++i) {
        out[i] = low[i];
        out[lanes<float> + i] = high[i];
      }
    } else {
      for (unsigned i = 0; i < lanes<T>; ++i)
        if (i < extent.count) out[i] = from[i];
    }
    return out;
  }
}

/// Mapping of rows to the threads of a block: one, two, four or eight warps per row.
struct RowShare {
  static constexpr unsigned threads = 256;

  std::uint32_t rows, length;
  std::uint32_t team;  ///< threads per row: a power of 2, at least a warp
  bool whole;          ///< rows are 16-byte aligned

  template <class T>
  [[nodiscard]] static RowShare of(std::size_t rows, std::size_t length, bool whole) {
    std::uint32_t team = warp_size;
    while (team < threads && team * lanes<T> < length) team *= 2;
    return {static_cast<std::uint32_t>(rows), static_cast<std::uint32_t>(length), team, whole};
  }
  [[nodiscard]] GridSize grid() const {
    const std::uint32_t rows_of_block = threads / team;
    return {(rows + rows_of_block - 1) / rows_of_block};
  }
  /// One float per warp.
  [[nodiscard]] unsigned shared_bytes() const { return shared_size<float>(threads / warp_size); }

  /// The row of a thread; may be past the end in the last block.
  SCORESDE_HOST_DEVICE std::uint32_t row(GridSize block, unsigned thread) const {
    return block.x * (threads / team) + thread / team;
  }
  /// Calls visit(offset in the row, elements, extent) for each of the thread's vectors.
  template <class T, class Visit>
  SCORESDE_HOST_DEVICE void for_each_vec(std::uint32_t row, unsigned thread,
                                         const Visit& visit) const {
    if (row >= rows) return;
    const std::uint32_t first = thread % team * lanes<T>, step = team * lanes<T>;
    if (whole) {
      for (std::uint32_t at = first; at < length; at += step) visit(at, lanes<T>, FullVec{});
    } else {
      for (std::uint32_t at = first; at < length; at += step) {
        const unsigned left = length - at, count = left < lanes<T> ? left : lanes<T>;
        visit(at, count, PartialVec{count});
      }
    }
  }
  /// Reduces `value` over the threads of a row in a fixed order; all of them return the result.
  template <class Block, class Join>
  SCORESDE_DEVICE float join(Block& block, float value, const Join& join,
                             typename Block::template Shared<float> scratch) const {
    for (unsigned mask = warp_size / 2; mask > 0; mask /= 2)
      value = join(value, block.shuffle_xor(value, mask));
    if (team == warp_size) return value;
    if (block.lane() == 0) scratch[block.warp()] = value;
    block.sync();
    const unsigned warps = team / warp_size, first = block.warp() / warps * warps;
    value = scratch[first];
    for (unsigned w = 1; w < warps; ++w) value = join(value, scratch[first + w]);
    block.sync();
    return value;
  }
};

struct Larger {
  SCORESDE_HOST_DEVICE float operator()(float a, float b) const { return a > b ? a : b; }
};
struct Plus {
  SCORESDE_HOST_DEVICE float operator()(float a, float b) const { return a + b; }
};

/// probabilities ← softmax(scale·scores) of each row.
template <class T, class Score>
struct Softmax {
  static constexpr unsigned threads = RowShare::threads;

  RowShare share;
  float scale;
  const Score* scores;
  T* probabilities;

  [[nodiscard]] GridSize grid() const { return share.grid(); }
  [[nodiscard]] unsigned shared_bytes() const { return share.shared_bytes(); }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    auto scratch = block.template shared<float>(threads / warp_size);
    const std::uint32_t row = share.row(block.index(), block.thread());
    const std::size_t begin = std::size_t{row} * share.length;
    float largest = -INFINITY, sum = 0.0f;
    share.for_each_vec<T>(row, block.thread(), [&](std::uint32_t at, unsigned count, auto extent) {
      const VecF32<T> s = load_as<T>(scores + begin + at, extent);
      float here = largest, more = 0.0f;
      for (unsigned i = 0; i < lanes<T>; ++i)
        if (i < count) here = Larger{}(here, scale * s[i]);
      for (unsigned i = 0; i < lanes<T>; ++i)
        if (i < count) more += exponential(scale * s[i] - here);
      sum = sum * exponential(largest - here) + more;
      largest = here;
    });
    const float top = share.join(block, largest, Larger{}, scratch);
    const float part = sum > 0.0f ? sum * exponential(largest - top) : sum;
    const float inverse = 1.0f / share.join(block, part, Plus{}, scratch);
    share.for_each_vec<T>(row, block.thread(), [&](std::uint32_t at, unsigned, auto extent) {
      VecF32<T> s = load_as<T>(scores + begin + at, extent);
      for (unsigned i = 0; i < lanes<T>; ++i) s[i] = exponential(scale * s[i] - top) * inverse;
      store(probabilities + begin + at, s, extent);
    });
  }
};

/// ds ← scale·p ∘ (dp − Σ p·dp) of each row.
template <class T, class Score>
struct SoftmaxGradient {
  static constexpr unsigned threads = RowShare::threads;

  RowShare share;
  float scale;
  const T* probabilities;
  const Score* dp;
  T* ds;

  [[nodiscard]] GridSize grid() const { return share.grid(); }
  [[nodiscard]] unsigned shared_bytes() const { return share.shared_bytes(); }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    auto scratch = block.template shared<float>(threads / warp_size);
    const std::uint32_t row = share.row(block.index(), block.thread());
    const std::size_t begin = std::size_t{row} * share.length;
    float sum = 0.0f;
    share.for_each_vec<T>(row, block.thread(), [&](std::uint32_t at, unsigned, auto extent) {
      const VecF32<T> p = load(probabilities + begin + at, extent);
      const VecF32<T> d = load_as<T>(dp + begin + at, extent);
      for (unsigned i = 0; i < lanes<T>; ++i) sum += p[i] * d[i];
    });
    const float mean = share.join(block, sum, Plus{}, scratch);
    share.for_each_vec<T>(row, block.thread(), [&](std::uint32_t at, unsigned, auto extent) {
      const VecF32<T> p = load(probabilities + begin + at, extent);
      VecF32<T> d = load_as<T>(dp + begin + at, extent);
      for (unsigned i = 0; i < lanes<T>; ++i) d[i] = scale * p[i] * (d[i] - mean);
      store(ds + begin + at, d, extent);
    });
  }
};

}  // namespace scoresde::cuda
