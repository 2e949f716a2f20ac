// SPDX-License-Identifier: MIT
/// OperationGraph: a graph of cuDNN's backend API on channels-last tensors, and its description,
/// which is the key of plans and used in error messages.
///
/// Extents are (n, c, h, w), strides (chw, 1, cw, c). Arithmetic is float32; intermediate tensors
/// are virtual float32 and not stored.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <scoresde/nn/graph/ops.hpp>

#include "convolution_geometry.hpp"
#include "cudnn_descriptor.hpp"

namespace scoresde::cuda {

/// The role of a tensor in a run; used as cuDNN's unique id.
enum class Operand : std::int64_t {
  x = 1,
  weights,
  bias,
  channel_bias,
  residual,
  scale,
  y,
  dweights,
  dweights_before,
  intermediate
};

class OperationGraph {
 public:
  using Extents = std::array<std::int64_t, 4>;
  /// A tensor of this graph.
  struct Tensor {
    std::size_t index = 0;
  };
  /// A tensor for which a run needs a pointer.
  struct Memory {
    Operand which;
    std::size_t bytes = 0;
    bool on_host = false;
  };

  [[nodiscard]] Tensor tensor(Operand which, cudnnDataType_t type, const Extents& extents);
  /// A virtual float32 tensor between two operations.
  [[nodiscard]] Tensor intermediate(const Extents& extents);
  /// A float32 in host memory, read when the plan is run.
  [[nodiscard]] Tensor host_scalar(Operand which);

  void convolution_forward(const ConvolutionGeometry& op, Tensor x, Tensor weights, Tensor y);
  /// dx ← Wᵀ ∗ dy + blend·dx, blend 0 or 1.
  void convolution_backward_data(const ConvolutionGeometry& op, Tensor dy, Tensor weights,
                                 Tensor dx, double blend);
  /// dW ← x ∗ dy + blend·dW, blend 0 or 1.
  void convolution_backward_filter(const ConvolutionGeometry& op, Tensor x, Tensor dy,
                                   Tensor dweights, double blend);
  /// out ← a + b or a·b; b is broadcast along extents of 1.
  void pointwise(cudnnPointwiseMode_t mode, Tensor a, Tensor b, Tensor out);

  /// out ← f(a).
  void pointwise(cudnnPointwiseMode_t mode, Tensor a, Tensor out);

  /// The finalized graph; the handle is null if plans are built for a described device.
  [[nodiscard]] Descriptor finalize(cudnnHandle_t handle) const;
  [[nodiscard]] const std::string& words() const { return words_; }
  [[nodiscard]] const std::vector<Memory>& memory() const { return memory_; }

 private:
  struct Made {
    Descriptor descriptor;
    std::string words;
  };

  Tensor add(Operand which, cudnnDataType_t type, const Extents& extents, bool on_host);
  void say(const std::string& sentence);

  std::vector<Made> tensors_;
  std::vector<Descriptor> details_;  // referenced by operations
  std::vector<Descriptor> operations_;
  std::vector<Memory> memory_;
  std::string words_;
};

}  // namespace scoresde::cuda
