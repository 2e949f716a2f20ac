// SPDX-License-Identifier: MIT
/// The handwritten network operations on the device, as plain functions that launch them.
///
///   T: float or Bfloat16, the type of activations; parameters, their gradients and statistics are
///   float. Memory is channels-last: element (n, c, h, w) at ((n·H + h)·W + w)·C + c.
///
/// What each computes is said in nn/ops.hpp, how in kernels/. Pointers are device memory; they are
/// not followed on the host. Every function returns at once, works in the context's stream, and can
/// be captured in a CUDA graph. Bits depend on nothing but the values and a sample's own extents.
/// All throw Error if the device refuses a launch.
#pragma once

#include <cstddef>
#include <cstdint>

#include <scoresde/cuda/context.hpp>
#include <scoresde/cuda/kernels/bfloat16.hpp>
#include <scoresde/cuda/kernels/device_draw.hpp>
#include <scoresde/nn/ops.hpp>

namespace scoresde::cuda {

/// Floats of scratch for group_norm and its backward pass.
template <class T>
[[nodiscard]] std::size_t group_norm_scratch(const nn::GroupNorm& norm, const nn::Shape& x);

/// `statistics`: (μ, 1/√(var + ε)) of each sample and group. Throws Error also for a group of more
/// channels than a block can take: 2048 of Bfloat16, 1024 of float.
template <class T>
void group_norm(const Context& context, const nn::GroupNorm& norm, nn::View<const T> x,
                const float* gamma, const float* beta, T* y, float* statistics, float* scratch);

/// dx; dγ += and dβ +=, either of which may be null.
template <class T>
void group_norm_backward(const Context& context, const nn::GroupNorm& norm, nn::View<const T> x,
                         const float* gamma, const float* beta, const float* statistics,
                         const T* dy, nn::Gradient<T> dx, float* dgamma, float* dbeta,
                         float* scratch);

/// Floats of scratch for bias_gradient.
template <class T>
[[nodiscard]] std::size_t bias_gradient_scratch(const nn::Shape& dy);

/// dbias[c] += Σ over samples and pixels of dy, dchannel_bias[n, c] ← or += Σ over pixels; either
/// may be null.
template <class T>
void bias_gradient(const Context& context, nn::View<const T> dy, float* dbias,
                   nn::Gradient<T> dchannel_bias, float* scratch);

/// y ← f(x), and dx of it.
template <class T>
void activation(const Context& context, nn::Activation function, nn::View<const T> x, T* y);
template <class T>
void activation_backward(const Context& context, nn::Activation function, nn::View<const T> x,
                         const T* dy, nn::Gradient<T> dx);

/// y ← (a + b)·scale; da and db ← or += scale·dy, in one pass.
template <class T>
void sum_scaled(const Context& context, nn::View<const T> a, const T* b, double scale, T* y);
template <class T>
void sum_scaled_backward(const Context& context, nn::View<const T> dy, double scale,
                         nn::Gradient<T> da, nn::Gradient<T> db);

/// y ← or += scale·x + shift: with shift 0 its own gradient.
template <class T>
void affine(const Context& context, nn::View<const T> x, double scale, double shift,
            nn::Gradient<T> y);

/// y[n] ← or += factors[n]·x[n]: its own gradient. `factors` lies on the device.
template <class T>
void scale_samples(const Context& context, nn::View<const T> x, const double* factors,
                   nn::Gradient<T> y);

/// y ← a, then b, along channels; da and db from dy, whose first `first` channels are a's.
template <class T>
void concatenate(const Context& context, nn::View<const T> a, nn::View<const T> b, T* y);
template <class T>
void concatenate_backward(const Context& context, nn::View<const T> dy, std::size_t first,
                          nn::Gradient<T> da, nn::Gradient<T> db);

/// Every pixel to 2×2, every 2×2 to its mean, and their gradients.
template <class T>
void upsample_nearest(const Context& context, nn::View<const T> x, T* y);
template <class T>
void upsample_nearest_backward(const Context& context, nn::View<const T> dy, nn::Gradient<T> dx);
template <class T>
void downsample_mean(const Context& context, nn::View<const T> x, T* y);
template <class T>
void downsample_mean_backward(const Context& context, nn::View<const T> dy, nn::Gradient<T> dx);

/// y ← or += the filter of x; with op.adjoint(), dy and the shape of x it is the gradient.
template <class T>
void fir(const Context& context, const nn::Fir& op, nn::View<const T> x, const nn::Shape& shape,
         nn::Gradient<T> y);

/// inside ← factors[n]·outside (N, C, H, W), with zeros in channels C … padded − 1; `factors` lies
/// on the device and may be null. leave_door goes the other way.
template <class T>
void enter_door(const Context& context, nn::View<const float> outside, std::size_t padded,
                const double* factors, T* inside);
template <class T>
void leave_door(const Context& context, const T* inside, const nn::Shape& shape, std::size_t padded,
                const double* factors, nn::Gradient<float> outside);

/// Weights of a convolution in cuDNN's order, (out, k, k, in), channels padded with zeros to
/// multiples of `pad`; and the gradient in that order added to the library's.
template <class T>
void arrange_weights(const Context& context, const nn::Convolution& op, std::size_t pad,
                     const float* weights, T* arranged);
void add_weight_gradient(const Context& context, const nn::Convolution& op, std::size_t pad,
                         const float* arranged, float* gradient);

/// probabilities ← softmax(scale·scores) of each of `rows` rows. Scores are float, or T and then
/// perhaps the same memory.
template <class T, class Score>
void softmax(const Context& context, std::size_t rows, std::size_t length, double scale,
             const Score* scores, T* probabilities);
/// ds ← scale·p ∘ (dp − Σ p·dp) of each row; dp likewise.
template <class T, class Score>
void softmax_backward(const Context& context, std::size_t rows, std::size_t length, double scale,
                      const T* probabilities, const Score* dp, T* ds);

/// apart ← (n·heads, pixels, c/heads) of (n, pixels, c), each head a sample; and `together`, of
/// that shape, ← or += the way back.
template <class T>
void split_heads(const Context& context, const nn::Attention& op, nn::View<const T> together,
                 T* apart);
template <class T>
void join_heads(const Context& context, const nn::Attention& op, const T* apart,
                const nn::Shape& shape, nn::Gradient<T> together);

/// Floats of scratch for scale_shift_backward.
template <class T>
[[nodiscard]] std::size_t scale_shift_scratch(const nn::Shape& x);

/// y ← x·(1 + scale[n, c]) + shift[n, c] of modulation (n, 2c); dx and dmodulation of it, either of
/// which may be null.
template <class T>
void scale_shift(const Context& context, nn::View<const T> x, const T* modulation, T* y);
template <class T>
void scale_shift_backward(const Context& context, nn::View<const T> x, const T* modulation,
                          const T* dy, nn::Gradient<T> dx, nn::Gradient<T> dmodulation,
                          float* scratch);

/// Rows of `width` values for each of `samples` labels or classes, which lie on the device.
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

/// y ← or += x/(1 − rate) where the mask keeps it, else 0: its own gradient. The mask is that of
/// every backend.
template <class T>
void dropout(const Context& context, nn::View<const T> x, double rate, const DeviceDraw& draw,
             nn::Gradient<T> y);

}  // namespace scoresde::cuda
