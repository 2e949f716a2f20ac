// SPDX-License-Identifier: MIT
/// InferenceOps: the operations that networks of images' features require in addition to
/// NetworkOps. They have no backward pass.
#pragma once

#include <concepts>
#include <cstddef>
#include <limits>
#include <span>

#include <scoresde/nn/graph/ops.hpp>
#include <scoresde/resize.hpp>

namespace scoresde::nn {

/// A convolution (cross-correlation) with a kernel of height × width and its fused activation:
///
///   y = f(W ∗ x + bias[c]),   f(v) = max(v, 0), or v without `relu`
///
/// Weights are (out, in, height, width). A batch normalization with fixed statistics is a part of
/// W and the bias.
struct RectangularConvolution {
  std::size_t in_channels = 0, out_channels = 0;
  std::size_t height = 1, width = 1;  ///< of the kernel
  std::size_t stride = 1;
  std::size_t pad_rows = 0, pad_columns = 0;  ///< zeros above and below, left and right
  bool relu = true;

  [[nodiscard]] constexpr std::size_t weight_size() const {
    return in_channels * out_channels * height * width;
  }
  [[nodiscard]] constexpr Shape output(const Shape& x) const {
    return {x.n, out_channels, (x.h + 2 * pad_rows - height) / stride + 1,
            (x.w + 2 * pad_columns - width) / stride + 1};
  }
};

/// Max pooling: the maximum over the windows of AveragePool. Pixels outside the image do not count.
struct MaxPool {
  AveragePool windows;
};

/// Resizing of every channel to height × width pixels, clipped to [lowest, highest].
struct Resize {
  ResizeRule rule = ResizeRule::tf1_bilinear;
  std::size_t height = 0, width = 0;
  double lowest = -std::numeric_limits<double>::infinity();
  double highest = std::numeric_limits<double>::infinity();

  [[nodiscard]] constexpr Shape output(const Shape& x) const { return {x.n, x.c, height, width}; }
};

/// The operations; types, sizes and scratch are as in NetworkOps.
template <class Ops>
concept InferenceOps = NetworkOps<Ops> &&
    requires(const Ops& ops, View<const typename Ops::Activation> in,
             View<typename Ops::Activation> out, typename Ops::Scalar* memory,
             const LayerParameters<typename Ops::Scalar>& layer,
             std::span<typename Ops::Scalar> scratch, const RectangularConvolution& convolution,
             const MaxPool& pool, const Resize& resize, Shape shape) {
  // Weights and bias in the backend's prepared form; size 0: no such form.
  { ops.convolution_prepared_size(convolution) } -> std::same_as<std::size_t>;
  ops.prepare_convolution(convolution, layer, memory);
  // y ← f(W ∗ x + bias). Scratch: of x's shape
  { ops.convolution_scratch(convolution, shape) } -> std::same_as<std::size_t>;
  ops.convolution(convolution, in, layer, out, scratch);
  ops.max_pool(pool, in, out);  // the maximum over each window
  // y ← x at other extents. Scratch: of x's shape
  { ops.resize_scratch(resize, shape) } -> std::same_as<std::size_t>;
  ops.resize(resize, in, out, scratch);
};

}  // namespace scoresde::nn
