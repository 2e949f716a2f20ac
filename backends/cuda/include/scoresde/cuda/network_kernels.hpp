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

#include <scoresde/cuda/context.hpp>
#include <scoresde/cuda/kernels/bfloat16.hpp>
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

}  // namespace scoresde::cuda
