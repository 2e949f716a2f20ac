// SPDX-License-Identifier: MIT
/// ConvolutionGeometry: channels, kernel, stride and padding of a convolution of any kind.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <string>

#include <scoresde/error.hpp>
#include <scoresde/nn/graph/inference_ops.hpp>
#include <scoresde/nn/graph/ops.hpp>

namespace scoresde::cuda {

/// Pairs are of rows and of columns.
struct ConvolutionGeometry {
  using Pair = std::array<std::size_t, 2>;
  std::size_t in_channels, out_channels;
  Pair kernel;
  std::size_t stride;
  Pair before, after;  ///< zeros

  // Not explicit: every function of plans takes both kinds of convolutions.
  ConvolutionGeometry(const nn::Convolution& op)
      : in_channels(op.in_channels),
        out_channels(op.out_channels),
        kernel{op.kernel, op.kernel},
        stride(op.stride),
        before{op.pad_before, op.pad_before},
        after{op.pad_after, op.pad_after} {}
  ConvolutionGeometry(const nn::RectangularConvolution& op)
      : in_channels(op.in_channels),
        out_channels(op.out_channels),
        kernel{op.height, op.width},
        stride(op.stride),
        before{op.pad_rows, op.pad_columns},
        after(before) {}
  auto operator<=>(const ConvolutionGeometry&) const = default;

  [[nodiscard]] std::size_t taps() const { return kernel[0] * kernel[1]; }
  [[nodiscard]] std::size_t weight_size() const { return in_channels * out_channels * taps(); }
  [[nodiscard]] nn::Shape output(const nn::Shape& x) const {
    const auto extent = [&](std::size_t pixels, std::size_t i) {
      return (pixels + before[i] + after[i] - kernel[i]) / stride + 1;
    };
    return {x.n, out_channels, extent(x.h, 0), extent(x.w, 1)};
  }
  /// One number, or rows×columns where they differ.
  [[nodiscard]] static std::string words(const Pair& pair) {
    return pair[0] == pair[1] ? scoresde::text(pair[0]) : scoresde::text(pair[0], "×", pair[1]);
  }
};

}  // namespace scoresde::cuda
