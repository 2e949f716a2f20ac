// SPDX-License-Identifier: MIT
/// Layout conversion of feature maps for multi-head attention, and back.
///
///   together  (sample, pixel, head, channel of the head): channels-last layout
///   apart     (sample, head, pixel, channel of the head): one matrix per head for batched products
///
/// Each thread moves one 128-bit vector of a head's row.
#pragma once

#include <cstddef>
#include <cstdint>

#include <scoresde/nn/graph/ops.hpp>

#include "kernels/block.hpp"
#include "kernels/concatenation.hpp"
#include "kernels/vec128.hpp"

namespace scoresde::cuda {

/// Extents of the rows; each holds the channels of one head at one pixel.
struct HeadRows {
  std::uint32_t samples, pixels, heads, width;

  /// Rows in channels-last order.
  SCORESDE_HOST_DEVICE JoinedRows rows() const { return {samples, pixels * heads, width, 0}; }
  /// Index in head-major order of row `row` in channels-last order.
  SCORESDE_HOST_DEVICE std::size_t apart(std::size_t row) const {
    const std::size_t sample = row / (pixels * heads), head = row % heads;
    return (sample * heads + head) * pixels + row / heads % pixels;
  }
};

template <class T>
struct SplitHeads {
  static constexpr unsigned threads = 256;

  HeadRows heads;
  bool whole;  ///< rows of a head are 16-byte aligned
  const T* together;
  T* apart;

  [[nodiscard]] GridSize grid() const { return heads.rows().grid<T>(threads); }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    heads.rows().with_extent_of_vec<T, threads>(
        block, whole, [&](std::size_t row, std::uint32_t channel, auto extent) {
          const T* const from = together + row * heads.width + channel;
          store(apart + heads.apart(row) * heads.width + channel, load(from, extent), extent);
        });
  }
};

/// together ← or += apart.
template <class T>
struct JoinHeads {
  static constexpr unsigned threads = 256;

  HeadRows heads;
  bool whole;
  const T* apart;
  nn::Gradient<T> together;

  [[nodiscard]] GridSize grid() const { return heads.rows().grid<T>(threads); }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    heads.rows().with_extent_of_vec<T, threads>(
        block, whole, [&](std::size_t row, std::uint32_t channel, auto extent) {
          const T* const from = apart + heads.apart(row) * heads.width + channel;
          store(together.data + row * heads.width + channel, load(from, extent), extent,
                together.accumulate);
        });
  }
};

}  // namespace scoresde::cuda
