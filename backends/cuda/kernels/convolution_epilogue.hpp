// SPDX-License-Identifier: MIT
/// Epilogue of a convolution, for cases where cuDNN has no fused kernel.
///
///   epilogue         y ← f((y + residual + bias[c] + channel_bias[n, c])·scale), f(v) = max(v, 0) with
///                    relu, else v
///   rounded gradient sum ← sum + part, part Bfloat16 and sum float
///
/// Each thread processes one 128-bit vector of channels or of elements.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/block.hpp"
#include "kernels/vec128.hpp"

namespace scoresde::cuda {

/// y and residual are (n, pixels, channels), bias (channels), channel_bias (n, channels); all but y
/// may be null. `whole`: rows of channels are 16-byte aligned.
template <class T>
struct ConvolutionEpilogue {
  static constexpr unsigned threads = 256;
  T* y;
  const T* residual;
  const T* bias;
  const T* channel_bias;
  float scale;
  std::uint64_t rows;  ///< n·pixels
  std::uint32_t pixels, channels;
  bool whole;
  bool relu = false;

  [[nodiscard]] GridSize grid() const {
    return {static_cast<unsigned>((rows * vecs<T>(channels) + threads - 1) / threads)};
  }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    const std::uint64_t vec = std::uint64_t{block.index().x} * threads + block.thread();
    const std::uint64_t row = vec / vecs<T>(channels);
    if (row >= rows) return;
    const auto first = static_cast<std::uint32_t>(vec % vecs<T>(channels)) * lanes<T>;
    const std::uint32_t count = first + lanes<T> <= channels ? lanes<T> : channels - first;
    const std::uint64_t at = row * channels + first;
    with_extent(whole, count, [&](auto extent) {
      VecF32<T> values = load(y + at, extent);
      if (residual != nullptr) add(values, load(residual + at, extent));
      if (bias != nullptr) add(values, load(bias + first, extent));
      if (channel_bias != nullptr)
        add(values, load(channel_bias + row / pixels * channels + first, extent));
      for (unsigned i = 0; i < lanes<T>; ++i) values[i] *= scale;
      // Not a number stays not a number.
      for (unsigned i = 0; i < lanes<T>; ++i) values[i] = relu && values[i] < 0 ? 0 : values[i];
      store(y + at, values, extent);
    });
  }
};

/// `count` elements; part and sum are 16-byte aligned.
struct AddRoundedGradient {
  static constexpr unsigned threads = 256;
  const Bfloat16* part;
  float* sum;
  std::uint64_t count;

  [[nodiscard]] GridSize grid() const {
    constexpr std::uint64_t elements = std::uint64_t{threads} * lanes<Bfloat16>;
    return {static_cast<unsigned>((count + elements - 1) / elements)};
  }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    constexpr unsigned width = lanes<Bfloat16>, half = lanes<float>;
    const std::uint64_t at = (std::uint64_t{block.index().x} * threads + block.thread()) * width;
    if (at >= count) return;
    if (at + width > count) {
      for (std::uint64_t i = at; i < count; ++i) sum[i] += to_float(part[i]);
      return;
    }
    const VecF32<Bfloat16> values = load(part + at, FullVec{});
    for (unsigned begin = 0; begin < width; begin += half) {
      VecF32<float> some;
      for (unsigned i = 0; i < half; ++i) some[i] = values[begin + i];
      store(sum + at + begin, some, FullVec{}, true);
    }
  }
};

}  // namespace scoresde::cuda
