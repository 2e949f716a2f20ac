// SPDX-License-Identifier: MIT
/// Separable FIR filter with up- and downsampling, channels-last.
///
///   y[o, p] ← or += Σ_{a,b} tap[count − 1 − a] tap[count − 1 − b] x̃[o·down + a, p·down + b]
///
/// x̃ is x with up − 1 zeros between its pixels and zero padding around it (nn::Fir; Karras et al.
/// 2020, arXiv:1912.04958, appendix B). Taps that meet inserted zeros are skipped. The gradient is
/// the filter nn::Fir::adjoint(). Each thread computes one 128-bit vector of channels of a pixel.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/resampling.hpp"

namespace scoresde::cuda {

/// The taps of nn::Fir in float, in reverse order.
struct FirTaps {
  float tap[nn::Fir::max_taps];
  std::int32_t count, up, down, before;

  FirTaps() = default;
  explicit FirTaps(const nn::Fir& op)
      : tap{},
        count(static_cast<std::int32_t>(op.count)),
        up(static_cast<std::int32_t>(op.up)),
        down(static_cast<std::int32_t>(op.down)),
        before(static_cast<std::int32_t>(op.pad_before)) {
    for (std::size_t i = 0; i < op.count; ++i)
      tap[i] = static_cast<float>(op.taps[op.count - 1 - i]);
  }

  /// The first tap that meets a pixel of x at output o: o·down + a − before is a multiple of up.
  SCORESDE_HOST_DEVICE std::int32_t first(std::int32_t o) const {
    const std::int32_t rest = (before - o * down) % up;
    return rest < 0 ? rest + up : rest;
  }
  /// The pixel of x at tap a of output o.
  SCORESDE_HOST_DEVICE std::int32_t pixel(std::int32_t o, std::int32_t a) const {
    return (o * down + a - before) / up;
  }
};

template <class T>
struct FirFilter {
  static constexpr unsigned threads = 256;

  SmallImage image;            ///< y's extents
  std::int32_t height, width;  ///< x's
  bool whole;
  FirTaps taps;
  const T* x;
  nn::Gradient<T> y;

  [[nodiscard]] GridSize grid() const { return image.grid<T>(threads); }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    image.with_vec<T, threads>(block, whole, [&](const VecPlace& at, auto extent) {
      const auto o = static_cast<std::int32_t>(at.row), p = static_cast<std::int32_t>(at.column);
      const T* const sample = x +
                              std::size_t{at.sample} * static_cast<std::size_t>(height) *
                                  static_cast<std::size_t>(width) * image.channels +
                              at.channel;
      VecF32<T> sum{};
      for (std::int32_t a = taps.first(o); a < taps.count; a += taps.up) {
        const std::int32_t i = taps.pixel(o, a);
        if (i < 0 || i >= height) continue;
        VecF32<T> along{};
        for (std::int32_t b = taps.first(p); b < taps.count; b += taps.up) {
          const std::int32_t j = taps.pixel(p, b);
          if (j < 0 || j >= width) continue;
          const auto pixel = static_cast<std::size_t>(i) * static_cast<std::size_t>(width) +
                             static_cast<std::size_t>(j);
          const VecF32<T> value = load(sample + pixel * image.channels, extent);
          for (unsigned k = 0; k < lanes<T>; ++k) along[k] += taps.tap[b] * value[k];
        }
        for (unsigned k = 0; k < lanes<T>; ++k) sum[k] += taps.tap[a] * along[k];
      }
      store(y.data + image.index(at), sum, extent, y.accumulate);
    });
  }
};

}  // namespace scoresde::cuda
