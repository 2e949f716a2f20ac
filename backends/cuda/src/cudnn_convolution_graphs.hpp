// SPDX-License-Identifier: MIT
/// The graphs of a convolution: forward with its epilogue, backward to data and to weights.
#pragma once

#include <scoresde/cuda/cudnn_convolution.hpp>
#include <scoresde/nn/ops.hpp>

#include "cudnn_graph.hpp"

namespace scoresde::cuda {

/// What a convolution's graphs share: the operation, the shape of its input and the types.
struct ConvolutionProblem {
  nn::Convolution op;
  nn::Shape x;
  Precision precision = Precision::bf16;

  [[nodiscard]] cudnnDataType_t type() const {
    return precision == Precision::bf16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
  }
};

/// y ← (W ∗ x + residual + bias + channel_bias)·scale. With a residual and a bias alone this is a
/// pattern for which cuDNN has compiled kernels, when they come in this order.
[[nodiscard]] OperationGraph forward_graph(const ConvolutionProblem& problem,
                                           const Epilogue& epilogue);

/// dx ← Wᵀ ∗ dy, or added to dx; dx and dy are the operands x and y.
[[nodiscard]] OperationGraph backward_data_graph(const ConvolutionProblem& problem,
                                                 bool accumulate);

/// dW ← dweights_before + x ∗ dy in float32. In bf16 no compiled kernel writes float32, but one
/// generated for a virtual float32 gradient and a sum does; float32's own kernels add to dW, so
/// that there is no dweights_before.
[[nodiscard]] OperationGraph backward_filter_graph(const ConvolutionProblem& problem);

/// dW ← x ∗ dy in the type of the activations.
[[nodiscard]] OperationGraph rounded_backward_filter_graph(const ConvolutionProblem& problem);

}  // namespace scoresde::cuda
