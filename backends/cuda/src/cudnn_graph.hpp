// SPDX-License-Identifier: MIT
/// OperationGraph: tensors in channels-last memory and what is computed with them, as cuDNN takes
/// it, and the same in words: the key of plans and the subject of errors.
///
/// Extents are (n, c, h, w), strides (chw, 1, cw, c). All arithmetic is float32's; intermediate
/// tensors are virtual float32, which no memory holds.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <scoresde/nn/ops.hpp>

#include "cudnn_descriptor.hpp"

namespace scoresde::cuda {

/// Which pointer of a run a tensor is; its unique id.
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
  /// What a run needs a pointer to.
  struct Memory {
    Operand which;
    std::size_t bytes = 0;
    bool on_host = false;
  };

  [[nodiscard]] Tensor tensor(Operand which, cudnnDataType_t type, const Extents& extents);
  /// A float32 tensor between two operations.
  [[nodiscard]] Tensor intermediate(const Extents& extents);
  /// A float32 on the host, read when the plan is run.
  [[nodiscard]] Tensor host_scalar(Operand which);

  void convolution_forward(const nn::Convolution& op, Tensor x, Tensor weights, Tensor y);
  /// dx ← Wᵀ ∗ dy + blend·dx, blend 0 or 1.
  void convolution_backward_data(const nn::Convolution& op, Tensor dy, Tensor weights, Tensor dx,
                                 double blend);
  /// dW ← x ∗ dy + blend·dW, blend 0 or 1.
  void convolution_backward_filter(const nn::Convolution& op, Tensor x, Tensor dy, Tensor dweights,
                                   double blend);
  /// out ← a + b or a·b, b repeated along the extents where it has 1.
  void pointwise(cudnnPointwiseMode_t mode, Tensor a, Tensor b, Tensor out);

  /// The graph that cuDNN plans; the handle is null where plans are made for a described device.
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
  std::vector<Descriptor> details_;  // what operations refer to
  std::vector<Descriptor> operations_;
  std::vector<Memory> memory_;
  std::string words_;
};

}  // namespace scoresde::cuda
