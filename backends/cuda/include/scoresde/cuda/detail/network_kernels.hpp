// SPDX-License-Identifier: MIT
/// The library's own network operations on the device, as functions that launch kernels.
///
///   T: float or Bfloat16, the activation type; parameters, their gradients and statistics are
///   float. Memory is channels-last: element (n, c, h, w) is at ((n·H + h)·W + w)·C + c.
///
/// nn/graph/ops.hpp defines each operation, kernels/ implements it. Pointers are device memory and
/// not dereferenced on the host. Every function is asynchronous in the context's stream and can be
/// captured in a CUDA graph. Results are deterministic and do not depend on the batch. All
/// functions throw Error if a launch fails.
#pragma once

#include <cstddef>
#include <cstdint>

#include <scoresde/cuda/bfloat16.hpp>
#include <scoresde/cuda/context.hpp>
#include <scoresde/cuda/detail/device_draw.hpp>
#include <scoresde/nn/graph/inference_ops.hpp>
#include <scoresde/nn/graph/ops.hpp>

namespace scoresde::cuda::detail {

/// Scratch size in floats for group_norm and its backward pass.
template <class T>
[[nodiscard]] std::size_t group_norm_scratch(const nn::GroupNorm& norm, const nn::Shape& x);

/// `statistics`: (μ, 1/√(var + ε)) per sample and group. Throws Error also for a group with more
/// channels than a block can process: 2048 for Bfloat16, 1024 for float.
template <class T>
void group_norm(const Context& context, const nn::GroupNorm& norm, nn::View<const T> x,
                const float* gamma, const float* beta, T* y, float* statistics, float* scratch);

/// Computes dx; accumulates dγ and dβ, either of which may be null.
template <class T>
void group_norm_backward(const Context& context, const nn::GroupNorm& norm, nn::View<const T> x,
                         const float* gamma, const float* beta, const float* statistics,
                         const T* dy, nn::Gradient<T> dx, float* dgamma, float* dbeta,
                         float* scratch);

/// Scratch size in floats for bias_gradient.
template <class T>
[[nodiscard]] std::size_t bias_gradient_scratch(const nn::Shape& dy);

/// dbias[c] += Σ over samples and pixels of dy, dchannel_bias[n, c] ← or += Σ over pixels; either
/// may be null.
template <class T>
void bias_gradient(const Context& context, nn::View<const T> dy, float* dbias,
                   nn::Gradient<T> dchannel_bias, float* scratch);

/// y ← f(x), and its gradient.
template <class T>
void activation(const Context& context, nn::Activation function, nn::View<const T> x, T* y);
template <class T>
void activation_backward(const Context& context, nn::Activation function, nn::View<const T> x,
                         const T* dy, nn::Gradient<T> dx);

/// y ← (a + b)·scale; da and db ← or += scale·dy, in one pass.
template <class T>
void scaled_sum(const Context& context, nn::View<const T> a, const T* b, double scale, T* y);
template <class T>
void scaled_sum_backward(const Context& context, nn::View<const T> dy, double scale,
                         nn::Gradient<T> da, nn::Gradient<T> db);

/// y ← or += scale·x + shift: with shift 0 its own gradient.
template <class T>
void affine(const Context& context, nn::View<const T> x, double scale, double shift,
            nn::Gradient<T> y);

/// y[n] ← or += factors[n]·x[n]: its own gradient. `factors` is device memory.
template <class T>
void scale_samples(const Context& context, nn::View<const T> x, const double* factors,
                   nn::Gradient<T> y);

/// y ← a and b concatenated along channels; da and db from dy, whose first `first` channels are
/// a's.
template <class T>
void concatenate(const Context& context, nn::View<const T> a, nn::View<const T> b, T* y);
template <class T>
void concatenate_backward(const Context& context, nn::View<const T> dy, std::size_t first,
                          nn::Gradient<T> da, nn::Gradient<T> db);

/// Upsampling of every pixel to 2×2, averaging of every 2×2, and their gradients.
template <class T>
void upsample_nearest(const Context& context, nn::View<const T> x, T* y);
template <class T>
void upsample_nearest_backward(const Context& context, nn::View<const T> dy, nn::Gradient<T> dx);
template <class T>
void downsample_mean(const Context& context, nn::View<const T> x, T* y);
template <class T>
void downsample_mean_backward(const Context& context, nn::View<const T> dy, nn::Gradient<T> dx);

/// y ← the mean of x over each window; its gradient dx from dy, with x's shape.
template <class T>
void average_pool(const Context& context, const nn::AveragePool& op, nn::View<const T> x,
                  nn::View<T> y);
template <class T>
void average_pool_backward(const Context& context, const nn::AveragePool& op, nn::View<const T> dy,
                           const nn::Shape& x, nn::Gradient<T> dx);

/// y ← the maximum of x over each window.
template <class T>
void max_pool(const Context& context, const nn::MaxPool& op, nn::View<const T> x, nn::View<T> y);

/// y ← x at y's extents, clipped to [op.lowest, op.highest]; `scratch` has resize_scratch floats.
template <class T>
[[nodiscard]] std::size_t resize_scratch(const nn::Resize& op, const nn::Shape& x);
template <class T>
void resize(const Context& context, const nn::Resize& op, nn::View<const T> x, nn::View<T> y,
            float* scratch);

/// y ← or += filtered x; with op.adjoint(), dy and the shape of x it computes the gradient.
template <class T>
void fir(const Context& context, const nn::Fir& op, nn::View<const T> x, const nn::Shape& shape,
         nn::Gradient<T> y);

/// Layout conversion NCHW to NHWC: inside ← factors[n]·outside (N, C, H, W), with zeros in channels
/// C … padded − 1; `factors` is device memory and may be null. nhwc_to_nchw converts back.
template <class T>
void nchw_to_nhwc(const Context& context, nn::View<const float> outside, std::size_t padded,
                  const double* factors, T* inside);
template <class T>
void nhwc_to_nchw(const Context& context, const T* inside, const nn::Shape& shape,
                  std::size_t padded, const double* factors, nn::Gradient<float> outside);

/// Conversion of convolution weights to cuDNN's layout (out, k, k, in), channels zero-padded to
/// multiples of `pad`; and accumulation of a gradient in that layout into the library's.
template <class T>
void arrange_weights(const Context& context, const nn::Convolution& op, std::size_t pad,
                     const float* weights, T* arranged);
template <class T>
void arrange_weights(const Context& context, const nn::RectangularConvolution& op,
                     const float* weights, T* arranged);
void add_weight_gradient(const Context& context, const nn::Convolution& op, std::size_t pad,
                         const float* arranged, float* gradient);

/// probabilities ← softmax(scale·scores) of each of `rows` rows. Scores are float or T; scores of
/// type T may alias the output.
template <class T, class Score>
void softmax(const Context& context, std::size_t rows, std::size_t length, double scale,
             const Score* scores, T* probabilities);
/// ds ← scale·p ∘ (dp − Σ p·dp) of each row; the type of dp and aliasing as above.
template <class T, class Score>
void softmax_backward(const Context& context, std::size_t rows, std::size_t length, double scale,
                      const T* probabilities, const Score* dp, T* ds);

/// apart ← (n·heads, pixels, c/heads) from (n, pixels, c), each head a sample; and the inverse,
/// together ← or += apart.
template <class T>
void split_heads(const Context& context, const nn::Attention& op, nn::View<const T> together,
                 T* apart);
template <class T>
void join_heads(const Context& context, const nn::Attention& op, const T* apart,
                const nn::Shape& shape, nn::Gradient<T> together);

/// Scratch size in floats for scale_shift_backward.
template <class T>
[[nodiscard]] std::size_t scale_shift_scratch(const nn::Shape& x);

/// y ← x·(1 + scale[n, c]) + shift[n, c] with modulation (n, 2c); and its gradients dx and
/// dmodulation, either of which may be null.
template <class T>
void scale_shift(const Context& context, nn::View<const T> x, const T* modulation, T* y);
template <class T>
void scale_shift_backward(const Context& context, nn::View<const T> x, const T* modulation,
                          const T* dy, nn::Gradient<T> dx, nn::Gradient<T> dmodulation,
                          float* scratch);

/// Rows of `width` values for `samples` labels or classes in device memory.
template <class T>
void positional_embedding(const Context& context, const nn::PositionalEmbedding& op,
                          std::size_t samples, std::size_t width, const double* labels, T* y);
template <class T>
void fourier_embedding(const Context& context, std::size_t samples, std::size_t width,
                       const double* labels, const float* frequencies, T* y);
template <class T>
void class_embedding(const Context& context, std::size_t samples, std::size_t width,
                     const std::uint32_t* classes, const float* table, T* y);
template <class T>
void class_embedding_backward(const Context& context, std::size_t samples, std::size_t width,
                              const std::uint32_t* classes, const T* dy, float* dtable);

/// y ← or += x/(1 − rate) where the mask is set, else 0: its own gradient. The mask is the same in
/// every backend.
template <class T>
void dropout(const Context& context, nn::View<const T> x, double rate, const DeviceDraw& draw,
             nn::Gradient<T> y);

}  // namespace scoresde::cuda::detail
