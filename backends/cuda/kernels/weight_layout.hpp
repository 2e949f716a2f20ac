// SPDX-License-Identifier: MIT
/// Layout conversion of convolution weights between the library and cuDNN.
///
///   library  (out, in, k, k), or NIN's (in, out), float
///   cuDNN    (padded_out, k, k, padded_in) T, zeros in padding channels
///
/// A block transposes up to 32 input channels of one output channel through shared memory, so that
/// loads and stores both coalesce.
#pragma once

#include <cstddef>
#include <cstdint>

#include <scoresde/cuda/bfloat16.hpp>
#include <scoresde/nn/graph/inference_ops.hpp>
#include <scoresde/nn/graph/ops.hpp>

#include "kernels/block.hpp"

namespace scoresde::cuda {

/// Extents of a convolution's weights in both layouts.
struct WeightExtents {
  static constexpr std::uint32_t strip = 32;  ///< input channels per block

  std::uint32_t out, in, taps, padded_out, padded_in;
  bool input_major;

  /// Channels padded to multiples of `pad`.
  [[nodiscard]] static WeightExtents of(const nn::Convolution& op, std::size_t pad) {
    const auto padded = [pad](std::size_t n) {
      return static_cast<std::uint32_t>((n + pad - 1) / pad * pad);
    };
    return {static_cast<std::uint32_t>(op.out_channels),
            static_cast<std::uint32_t>(op.in_channels),
            static_cast<std::uint32_t>(op.kernel * op.kernel),
            padded(op.out_channels),
            padded(op.in_channels),
            op.input_major};
  }
  /// Without padding.
  [[nodiscard]] static WeightExtents of(const nn::RectangularConvolution& op) {
    const auto out = static_cast<std::uint32_t>(op.out_channels);
    const auto in = static_cast<std::uint32_t>(op.in_channels);
    return {out, in, static_cast<std::uint32_t>(op.height * op.width), out, in, false};
  }
  /// Number of elements in cuDNN's layout.
  [[nodiscard]] std::size_t padded_size() const {
    return std::size_t{padded_out} * taps * padded_in;
  }
  [[nodiscard]] GridSize grid() const { return {(padded_in + strip - 1) / strip, padded_out}; }
  [[nodiscard]] unsigned shared_bytes() const { return shared_size<float>(strip * taps); }

  /// Offset in the library's layout of tap 0 of input channel c of output channel o.
  SCORESDE_HOST_DEVICE std::size_t library(std::uint32_t o, std::uint32_t c) const {
    return input_major ? std::size_t{c} * out + o : (std::size_t{o} * in + c) * taps;
  }
  SCORESDE_HOST_DEVICE std::size_t padded(std::uint32_t o, std::uint32_t tap,
                                          std::uint32_t c) const {
    return (std::size_t{o} * taps + tap) * padded_in + c;
  }
};

/// to ← from, converted to cuDNN's layout.
template <class T>
struct ArrangeWeights {
  static constexpr unsigned threads = 128;

  WeightExtents extents;
  const float* from;
  T* to;

  [[nodiscard]] GridSize grid() const { return extents.grid(); }
  [[nodiscard]] unsigned shared_bytes() const { return extents.shared_bytes(); }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    constexpr std::uint32_t strip = WeightExtents::strip;
    auto tile = block.template shared<float>(strip * extents.taps);
    const std::uint32_t o = block.index().y, first = block.index().x * strip;
    for (std::uint32_t i = block.thread(); i < strip * extents.taps; i += threads) {
      const std::uint32_t c = first + i / extents.taps;
      const bool exists = o < extents.out && c < extents.in;
      tile[i] = exists ? from[extents.library(o, c) + i % extents.taps] : 0.0f;
    }
    block.sync();
    for (std::uint32_t i = block.thread(); i < strip * extents.taps; i += threads) {
      const std::uint32_t tap = i / strip, c = i % strip;
      if (first + c < extents.padded_in)
        to[extents.padded(o, tap, first + c)] = from_float<T>(tile[c * extents.taps + tap]);
    }
  }
};

/// to += the gradient at `from` in cuDNN's layout.
struct AddWeightGradient {
  static constexpr unsigned threads = 128;

  WeightExtents extents;
  const float* from;
  float* to;

  [[nodiscard]] GridSize grid() const {
    return {(extents.in + WeightExtents::strip - 1) / WeightExtents::strip, extents.out};
  }
  [[nodiscard]] unsigned shared_bytes() const { return extents.shared_bytes(); }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    constexpr std::uint32_t strip = WeightExtents::strip;
    auto tile = block.template shared<float>(strip * extents.taps);
    const std::uint32_t o = block.index().y, first = block.index().x * strip;
    const std::uint32_t count = extents.in - first < strip ? extents.in - first : strip;
    for (std::uint32_t i = block.thread(); i < strip * extents.taps; i += threads) {
      const std::uint32_t tap = i / strip, c = i % strip;
      if (c < count) tile[c * extents.taps + tap] = from[extents.padded(o, tap, first + c)];
    }
    block.sync();
    for (std::uint32_t i = block.thread(); i < count * extents.taps; i += threads)
      to[extents.library(o, first + i / extents.taps) + i % extents.taps] += tile[i];
  }
};

}  // namespace scoresde::cuda
