// SPDX-License-Identifier: MIT
/// NetworkOps: the operations that a backend provides for score networks, forward and backward.
///
/// A network is a list of these operations on planned memory (nn/graph/graph.hpp), so a backend
/// implements arithmetic only. External images are (N, C, H, W); internal feature maps may have
/// another layout and another type. Pointers are to the backend's memory (device memory on a GPU).
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

#include <scoresde/noise/noise.hpp>

namespace scoresde::nn {

/// Extents of a batch of feature maps; a vector per sample has h = w = 1.
struct Shape {
  std::size_t n = 0, c = 0, h = 1, w = 1;
  [[nodiscard]] constexpr std::size_t pixels() const { return h * w; }
  [[nodiscard]] constexpr std::size_t size() const { return n * c * h * w; }
  constexpr bool operator==(const Shape&) const = default;
};

/// A batch of feature maps in planned memory.
template <class T>
struct View {
  T* data = nullptr;
  Shape shape;
};

/// Destination of the gradient of an activation: not needed (null), overwritten, or added to.
/// Gradients of parameters are always added; a null pointer means not needed.
template <class T>
struct Gradient {
  T* data = nullptr;
  bool accumulate = false;
};

/// Inference reuses activation memory immediately; training keeps the activations that backward
/// needs and applies dropout; differentiation keeps them without dropout.
enum class Mode { inference, training, differentiation };

/// Whether a backward pass may follow a forward pass.
[[nodiscard]] constexpr bool differentiates(Mode mode) { return mode != Mode::inference; }

/// The parameters of a layer: weights and bias (may be null) in the layout of the flat buffer, and
/// both in the backend's prepared form (null for backends and modes without one).
template <class T>
struct LayerParameters {
  const T* weights = nullptr;
  const T* bias = nullptr;
  const T* prepared = nullptr;
};

/// What a network is conditioned on, per sample: the label, 1/σ(label) by which the graph scales
/// its output where it divides by σ, and the class where the graph embeds one.
struct Conditioning {
  std::span<const double> labels, output_scale{};
  std::span<const std::uint32_t> classes{};
};

/// A k×k convolution (cross-correlation, as in deep-learning libraries) with its fused terms:
///
///   y = (W ∗ x + bias[c] + channel_bias[n, c] + residual)·scale
///
/// A backend may plan ahead from the shapes and the terms that are present. Weights are (out, in,
/// k, k); with `input_major` and k = 1 they are (in, out), score_sde's NIN.
struct Convolution {
  std::size_t in_channels = 0, out_channels = 0;
  std::size_t kernel = 3, stride = 1;
  std::size_t pad_before = 1, pad_after = 1;  ///< zeros above and left, below and right
  bool input_major = false;
  bool bias = true, channel_bias = false, residual = false;  ///< terms that are present
  double scale = 1;

  [[nodiscard]] constexpr std::size_t weight_size() const {
    return in_channels * out_channels * kernel * kernel;
  }
  [[nodiscard]] constexpr Shape output(const Shape& x) const {
    const auto extent = [&](std::size_t e) {
      return (e + pad_before + pad_after - kernel) / stride + 1;
    };
    return {x.n, out_channels, extent(x.h), extent(x.w)};
  }
};

/// The terms that are other tensors, null where absent. The residual has the shape of y.
template <class Activation>
struct ConvolutionTerms {
  const Activation* channel_bias = nullptr;
  const Activation* residual = nullptr;
};

/// Destinations of the gradients of a convolution.
template <class Scalar, class Activation = Scalar>
struct ConvolutionGradients {
  Gradient<Activation> x{};
  Scalar* weights = nullptr;
  Scalar* bias = nullptr;
  Gradient<Activation> channel_bias{}, residual{};
};

/// SiLU (swish) x/(1 + e^{−x}); ELU x or e^x − 1; ReLU max(x, 0); leaky ReLU x or x/5: swish, elu,
/// relu and lrelu in score_sde.
enum class Activation { swish, elu, relu, leaky_relu };

/// A separable FIR filter with resampling, in each direction: insert `up` − 1 zeros between pixels,
/// pad with zeros, convolve with the taps, keep every `down`-th value. Negative pads crop.
struct Fir {
  static constexpr std::size_t max_taps = 12;
  std::array<double, max_taps> taps{};
  std::size_t count = 1;
  std::size_t up = 1, down = 1;
  std::ptrdiff_t pad_before = 0, pad_after = 0;

  [[nodiscard]] constexpr Shape output(const Shape& x) const {
    const auto extent = [&](std::size_t e) {
      const auto padded = static_cast<std::ptrdiff_t>(e * up) + pad_before + pad_after;
      return static_cast<std::size_t>(padded - static_cast<std::ptrdiff_t>(count)) / down + 1;
    };
    return {x.n, x.c, extent(x.h), extent(x.w)};
  }
  /// The transposed map, which propagates gradients; its pad_after follows from the shapes.
  [[nodiscard]] constexpr Fir adjoint() const {
    Fir other{{}, count, down, up, static_cast<std::ptrdiff_t>(count) - 1 - pad_before, 0};
    for (std::size_t i = 0; i < count; ++i) other.taps[i] = taps[count - 1 - i];
    return other;
  }
};

/// Average pooling: the mean over windows of height × width pixels, the first of which begins `pad`
/// pixels above and left of the image. Pixels outside the image do not count, as in TensorFlow and
/// in PyTorch with count_include_pad = false. A window of the whole image is global pooling.
struct AveragePool {
  std::size_t height = 2, width = 2;
  std::size_t stride = 2;
  std::size_t pad = 0;  ///< less than height and width, on all sides

  /// Positions [begin, end) in one direction.
  struct Range {
    std::size_t begin, end;
    [[nodiscard]] constexpr std::size_t size() const { return end - begin; }
  };
  /// The rows of an image with `extent` rows in window i, and the columns.
  [[nodiscard]] constexpr Range rows(std::size_t i, std::size_t extent) const {
    return inside(i * stride, height, extent);
  }
  [[nodiscard]] constexpr Range columns(std::size_t i, std::size_t extent) const {
    return inside(i * stride, width, extent);
  }
  [[nodiscard]] constexpr Shape output(const Shape& x) const {
    return {x.n, x.c, (x.h + 2 * pad - height) / stride + 1, (x.w + 2 * pad - width) / stride + 1};
  }

 private:
  [[nodiscard]] constexpr Range inside(std::size_t first, std::size_t window,
                                       std::size_t extent) const {
    const std::size_t begin = first < pad ? 0 : first - pad, end = first + window - pad;
    return {begin, end < extent ? end : extent};
  }
};

/// Group normalization over c/groups channels and all pixels, optionally followed by SiLU.
struct GroupNorm {
  std::size_t groups = 1;
  double epsilon = 1e-6;
  bool silu = true;
};

/// Sines and cosines of a label t, h = ⌊c/2⌋ of each; an odd width ends with a zero.
///
///   y = (sin(t ω₀), …, sin(t ω_{h−1}), cos(t ω₀), …, cos(t ω_{h−1}))
///   ωᵢ = 10000^{−i/(h − shift)}
///
/// Vaswani et al. 2017, section 3.5, up to the order of the components: they have shift 0 and
/// alternate sines and cosines; Ho et al. 2020 have shift 1. diffusers calls the two settings
/// flip_sin_to_cos and freq_shift.
struct PositionalEmbedding {
  bool cosines_first = false;
  double shift = 1;
};

/// Attention with `heads` heads, each over its own c/heads consecutive channels. Vaswani et al.
/// 2017, section 3.2.2.
struct Attention {
  std::size_t heads = 1;
  /// Shape with heads as samples; the memory layout is unchanged.
  [[nodiscard]] constexpr Shape of_heads(const Shape& x) const {
    return {x.n * heads, x.c / heads, x.h, x.w};
  }
};

/// The class of an unconditional sample.
inline constexpr std::uint32_t no_class = 0xffffffff;

/// The operations. Scalar is the type of parameters, statistics and external images, Activation
/// that of internal feature maps. `scratch` has at least the size that the matching *_scratch
/// function returns, and its contents are unspecified before and after the call. All sizes are in
/// Scalars.
template <class Ops>
concept NetworkOps = requires(
    const Ops& ops, View<const typename Ops::Activation> in, View<typename Ops::Activation> out,
    const typename Ops::Scalar* parameter, typename Ops::Scalar* memory,
    const LayerParameters<typename Ops::Scalar>& layer, const typename Ops::Activation* kept,
    typename Ops::Activation* keep, Gradient<typename Ops::Activation> gradient,
    std::span<typename Ops::Scalar> scratch, const Convolution& convolution,
    const ConvolutionTerms<typename Ops::Activation>& terms, const Conditioning& conditioning,
    typename Ops::ConditioningBuffer& conditioning_buffer,
    const ConvolutionGradients<typename Ops::Scalar, typename Ops::Activation>& gradients,
    const GroupNorm& norm, const Attention& heads, const PositionalEmbedding& embedding,
    std::span<const double> labels, std::span<const std::uint32_t> classes, double real,
    NoiseDraw draw, std::size_t count, Shape shape, Activation function, const Fir& fir,
    const AveragePool& pool, Mode mode) {
  typename Ops::Buffer;  // of Scalars: .data(), .size(); initially zero
  { ops.allocate(count) } -> std::same_as<typename Ops::Buffer>;
  // Size of feature maps of this shape.
  { ops.activation_size(shape) } -> std::same_as<std::size_t>;
  // Whether feature maps are (N, C, H, W) of Scalars, so that external images need no conversion.
  { Ops::external_layout_is_internal } -> std::convertible_to<bool>;
  ops.to_internal_layout(parameter, out);  // (N, C, H, W) of Scalars to feature maps
  ops.from_internal_layout(in, memory);    // and the reverse

  // Labels, output scales and classes of up to `count` samples, copied from host memory to the
  // backend's.
  { ops.make_conditioning_buffer(count) } -> std::same_as<typename Ops::ConditioningBuffer>;
  { conditioning_buffer.place(conditioning) } -> std::same_as<Conditioning>;

  // Parameters in the layers' prepared form, written when they change; size 0: no such form.
  { ops.convolution_prepared_size(convolution, mode) } -> std::same_as<std::size_t>;
  ops.prepare_convolution(convolution, layer, memory);
  { ops.dense_prepared_size(shape, shape, mode) } -> std::same_as<std::size_t>;
  ops.prepare_dense(shape, shape, layer, memory);

  // y ← (W ∗ x + bias[c] + channel_bias[n, c] + residual)·scale. Scratch: of x's shape
  { ops.convolution_scratch(convolution, shape, mode) } -> std::same_as<std::size_t>;
  ops.convolution(convolution, in, layer, terms, out, scratch);
  // (x, W, dy) to the gradients
  ops.convolution_backward(convolution, in, layer, in, gradients, scratch);

  // y[n] ← W x[n] + bias, W (out, in). Scratch: of x's and y's shapes
  { ops.dense_scratch(shape, shape) } -> std::same_as<std::size_t>;
  ops.dense(in, layer, out, scratch);
  ops.dense_backward(in, layer, in, gradient, memory, memory, scratch);

  // y ← silu?(γ (x − μ)/√(var + ε) + β); statistics: (μ, 1/√(var + ε)) per sample and group
  { ops.group_norm_scratch(norm, shape) } -> std::same_as<std::size_t>;
  ops.group_norm(norm, in, parameter, parameter, out, memory, scratch);
  ops.group_norm_backward(norm, in, parameter, parameter, parameter, in, gradient, memory, memory,
                          scratch);

  // y ← v softmax(qᵀk / √c)ᵀ over pixels, c the channels of a head; probabilities, kept for
  // backward: feature maps of shape (n·heads, pixels, pixels, 1)
  { ops.attention_scratch(heads, shape) } -> std::same_as<std::size_t>;
  ops.attention(heads, in, in, in, out, keep, scratch);
  ops.attention_backward(heads, in, in, in, kept, in, gradient, gradient, gradient, scratch);

  // y ← x·(1 + scale[n, c]) + shift[n, c]; (scale, shift) is one tensor of 2c channels, h = w = 1.
  // (x, (scale, shift), dy) to the gradients. Scratch: of x's shape, for the backward pass
  { ops.scale_shift_scratch(shape) } -> std::same_as<std::size_t>;
  ops.scale_shift(in, in, out);
  ops.scale_shift_backward(in, in, in, gradient, gradient, scratch);

  ops.activation(function, in, out);
  ops.activation_backward(function, in, in, gradient);  // x, dy to dx
  // Scratch: of x's and y's shapes
  { ops.fir_scratch(fir, shape, shape) } -> std::same_as<std::size_t>;
  ops.fir(fir, in, out, scratch);
  ops.fir_backward(fir, in, shape, gradient, scratch);  // dy, the shape of x, to dx
  ops.upsample_nearest(in, out);                        // each pixel becomes 2×2
  ops.upsample_nearest_backward(in, gradient);
  ops.downsample_mean(in, out);  // each 2×2 becomes its mean
  ops.downsample_mean_backward(in, gradient);
  ops.average_pool(pool, in, out);                          // the mean over each window
  ops.average_pool_backward(pool, in, shape, gradient);     // dy, the shape of x, to dx
  ops.concatenate(in, in, out);                             // along channels
  ops.concatenate_backward(in, count, gradient, gradient);  // count: channels of the first
  ops.scaled_sum(in, in, real, out);                        // y ← (a + b)·scale
  ops.scaled_sum_backward(in, real, gradient, gradient);
  ops.affine(in, real, real, out);  // y ← scale·x + shift
  ops.affine_backward(in, real, gradient);
  ops.scale_samples(in, labels, out);  // y[n] ← factor[n]·x[n], one factor per sample
  ops.scale_samples_backward(in, labels, gradient);
  // y[n] ← (sin(2π wᵢ ln σ), cos(2π wᵢ ln σ)) of labels σ, with c/2 frequencies w; h = w = 1
  ops.fourier_embedding(labels, parameter, out);
  // y[n] ← row class[n] of a table of rows of y's channels, zeros for no_class; dtable[class[n]] +=
  ops.class_embedding(classes, parameter, out);
  ops.class_embedding_backward(classes, in, memory);
  // y[n] ← sines and cosines of the label; h = w = 1
  ops.positional_embedding(embedding, labels, out);
  // inverted dropout: y ← x/(1 − rate) where uniform(draw, n, (c, h, w)) ≥ rate, else 0
  ops.dropout(in, real, draw, out);
  ops.dropout_backward(in, real, draw, gradient);
};

}  // namespace scoresde::nn
