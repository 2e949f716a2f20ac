// SPDX-License-Identifier: MIT
/// Launches the operations that cuDNN does not fuse (kernels/convolution_epilogue.hpp).
#pragma once

#include <cstddef>

#include <scoresde/cuda/cudnn_convolution.hpp>

namespace scoresde::cuda {

/// y ← f((y + residual + bias[c] + channel_bias[n, c])·scale) for y of shape `y`; terms with null
/// pointers are omitted. Throws Error if the launch fails.
void apply_epilogue(const Context& context, Precision precision, const nn::Shape& y,
                    const ConvolutionOperands& operands);

/// sum[i] ← sum[i] + part[i], part bfloat16. Throws Error if the launch fails.
void add_rounded_gradient(const Context& context, const void* part, std::size_t count, float* sum);

}  // namespace scoresde::cuda
