// SPDX-License-Identifier: MIT
/// Feature maps with the heads of attention apart, and together again.
///
///   together  (sample, pixel, head, channel of the head): channels-last memory as it is
///   apart     (sample, head, pixel, channel of the head): each head a sample, for batched products
///
/// A thread takes one packet of a head's row.
#pragma once

#include <cstddef>
#include <cstdint>

#include <scoresde/cuda/kernels/block.hpp>
#include <scoresde/cuda/kernels/concatenation.hpp>
#include <scoresde/cuda/kernels/packet.hpp>
#include <scoresde/nn/ops.hpp>

namespace scoresde::cuda {

/// The rows of one head and pixel each.
struct HeadRows {
  std::uint32_t samples, pixels, heads, width;

  /// In the order of heads together.
  SCORESDE_HOST_DEVICE JoinedRows rows() const { return {samples, pixels * heads, width, 0}; }
  /// Where row `row` of heads together lies among heads apart.
  SCORESDE_HOST_DEVICE std::size_t apart(std::size_t row) const {
    const std::size_t sample = row / (pixels * heads), head = row % heads;
    return (sample * heads + head) * pixels + row / heads % pixels;
  }
};

template <class T>
struct SplitHeads {
  static constexpr unsigned threads = 256;

  HeadRows heads;
  bool whole;  ///< a head's channels are whole packets
  const T* together;
  T* apart;

  [[nodiscard]] GridSize grid() const { return heads.rows().grid<T>(threads); }
  [[nodiscard]] unsigned shared_bytes() const { return 0; }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    const JoinedRows rows = heads.rows();
    rows.with_packet<T>(
        block.index(), block.thread(), threads, [&](std::size_t row, std::uint32_t channel) {
          with_extent(whole, rows.end<T>(channel) - channel, [&](auto extent) {
            const T* const from = together + row * heads.width + channel;
            store(apart + heads.apart(row) * heads.width + channel, load(from, extent), extent);
          });
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
  [[nodiscard]] unsigned shared_bytes() const { return 0; }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    const JoinedRows rows = heads.rows();
    rows.with_packet<T>(block.index(), block.thread(), threads,
                        [&](std::size_t row, std::uint32_t channel) {
                          with_extent(whole, rows.end<T>(channel) - channel, [&](auto extent) {
                            const T* const from = apart + heads.apart(row) * heads.width + channel;
                            store(together.data + row * heads.width + channel, load(from, extent),
                                  extent, together.accumulate);
                          });
                        });
  }
};

}  // namespace scoresde::cuda
