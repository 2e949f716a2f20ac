// SPDX-License-Identifier: MIT
/// The graphs of a convolution: forward with epilogue, backward data and backward filter.
#pragma once

#include <scoresde/cuda/cudnn_convolution.hpp>
#include <scoresde/nn/graph/ops.hpp>

#include "convolution_geometry.hpp"
#include "cudnn_graph.hpp"

namespace scoresde::cuda {

/// What the graphs of a convolution have in common: operation, input shape and types.
struct ConvolutionProblem {
  ConvolutionGeometry op;
  nn::Shape x;
  Precision precision = Precision::bf16;

  [[nodiscard]] cudnnDataType_t type() const {
    return precision == Precision::bf16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
  }
};

/// y ← f((W ∗ x + residual + bias + channel_bias)·scale). cuDNN has compiled kernels for the
/// pattern of residual and bias alone, in this order.
[[nodiscard]] OperationGraph forward_graph(const ConvolutionProblem& problem,
                                           const Epilogue& epilogue);

/// dx ← Wᵀ ∗ dy, optionally added to dx; dx and dy are the operands x and y.
[[nodiscard]] OperationGraph backward_data_graph(const ConvolutionProblem& problem,
                                                 bool accumulate);

/// dW ← dweights_before + x ∗ dy in float32. For bf16 no compiled kernel writes float32, but a
/// generated kernel for a virtual float32 gradient and a sum does; float32 kernels accumulate into
/// dW, so there is no dweights_before.
[[nodiscard]] OperationGraph backward_filter_graph(const ConvolutionProblem& problem);

/// dW ← x ∗ dy in the activation type.
[[nodiscard]] OperationGraph rounded_backward_filter_graph(const ConvolutionProblem& problem);

}  // namespace scoresde::cuda
