// SPDX-License-Identifier: MIT
/// Layout of the scratch memory of network operations.
///
/// All parts are 256-byte aligned, as the widest loads of cuDNN and cuBLASLt require.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <type_traits>

#include <scoresde/cuda/cublaslt_product.hpp>
#include <scoresde/cuda/cudnn_convolution.hpp>
#include <scoresde/cuda/detail/network_kernels.hpp>
#include <scoresde/nn/graph/ops.hpp>

namespace scoresde::cuda::detail {

/// Rounds a number of floats up to the alignment.
[[nodiscard]] constexpr std::size_t aligned_floats(std::size_t count) {
  return (count + 63) / 64 * 64;
}
/// Number of floats that hold `bytes` bytes.
[[nodiscard]] constexpr std::size_t floats_of(std::size_t bytes) {
  return (bytes + sizeof(float) - 1) / sizeof(float);
}

/// Weights and bias of a layer in type A, in memory prepared for the operation.
template <class A>
struct PreparedLayer {
  using Memory = std::conditional_t<std::is_const_v<A>, const float, float>;

  PreparedLayer(Memory* prepared, std::size_t weight_count)
      : weights(reinterpret_cast<A*>(prepared)),
        bias(reinterpret_cast<A*>(prepared + bias_at(weight_count))) {}
  [[nodiscard]] static std::size_t size(std::size_t weight_count, std::size_t bias_count) {
    return bias_at(weight_count) + aligned_floats(floats_of(bias_count * sizeof(A)));
  }

  A *weights, *bias;

 private:
  static std::size_t bias_at(std::size_t weight_count) {
    return aligned_floats(floats_of(weight_count * sizeof(A)));
  }
};

/// Scratch of a convolution: a scaled gradient, a weight gradient in cuDNN's layout, bias sums, and
/// the workspace of its plans. Inference needs only the workspace.
template <class A>
class ConvolutionScratch {
 public:
  /// Builds missing plans. Throws Error as ConvolutionPlans does.
  ConvolutionScratch(const nn::Convolution& op, const nn::Shape& x, nn::Mode mode,
                     ConvolutionPlans& plans) {
    const Epilogue epilogue{op.residual, op.bias, op.channel_bias,
                            static_cast<float>(op.scale) != 1};
    std::size_t bytes = plans.plan_forward(op, x, epilogue).workspace;
    if (nn::differentiates(mode)) {
      const nn::Shape y = op.output(x);
      if (op.scale != 1) scaled_ = aligned_floats(floats_of(y.size() * sizeof(A)));
      if (op.kernel != 1 || op.input_major) arranged_ = aligned_floats(op.weight_size());
      sums_ = aligned_floats(bias_gradient_scratch<A>(y));
      for (const bool accumulate : {false, true})
        bytes = std::max(bytes, plans.plan_backward_data(op, x, accumulate).workspace);
      bytes = std::max(bytes, plans.plan_backward_filter(op, x).workspace);
    }
    workspace_ = aligned_floats(floats_of(bytes));
  }

  [[nodiscard]] std::size_t size() const { return workspace_at() + workspace_; }
  [[nodiscard]] A* scaled(std::span<float> memory) const {
    return reinterpret_cast<A*>(memory.data());
  }
  [[nodiscard]] float* arranged(std::span<float> memory) const { return memory.data() + scaled_; }
  [[nodiscard]] float* sums(std::span<float> memory) const { return arranged(memory) + arranged_; }
  [[nodiscard]] std::span<std::byte> workspace(std::span<float> memory) const {
    return std::as_writable_bytes(memory.subspan(workspace_at()));
  }

 private:
  [[nodiscard]] std::size_t workspace_at() const { return scaled_ + arranged_ + sums_; }

  std::size_t scaled_ = 0, arranged_ = 0, sums_ = 0, workspace_ = 0;
};

/// Scratch of attention: scores (n·heads, pixels, pixels) in float, their gradient in A, the
/// workspace of the products and, with several heads, head-major buffers for q, k, v, dy and a
/// result.
template <class A>
class AttentionScratch {
 public:
  /// Selects algorithms for the products. Throws Error as MatrixProducts::plan does.
  AttentionScratch(const nn::Attention& op, const nn::Shape& together, MatrixProducts& products)
      : heads_(op.of_heads(together)),
        scores_product_(attention_scores(heads_.n, heads_.pixels(), heads_.c)) {
    scores_product_.float32_c = true;
    const nn::Shape& q = heads_;
    if (op.heads > 1) room_ = aligned_floats(floats_of(q.size() * sizeof(A)));
    const std::size_t count = q.n * q.pixels() * q.pixels();
    scores_ = aligned_floats(count);
    gradient_ = aligned_floats(floats_of(count * sizeof(A)));
    workspace_ = floats_of(std::max({products.plan(scores_product_),
                                     products.plan(attention_values(q.n, q.pixels(), q.c)),
                                     products.plan(attention_transposed(q.n, q.pixels(), q.c))}));
  }

  [[nodiscard]] std::size_t size() const { return workspace_at() + workspace_; }
  /// Shape of q, k and v in head-major order, with heads as samples.
  [[nodiscard]] const nn::Shape& heads() const { return heads_; }
  [[nodiscard]] const MatrixProduct& scores_product() const { return scores_product_; }
  [[nodiscard]] float* scores(std::span<float> memory) const { return memory.data(); }
  [[nodiscard]] A* score_gradient(std::span<float> memory) const {
    return reinterpret_cast<A*>(memory.data() + scores_);
  }
  /// The i-th head-major buffer.
  [[nodiscard]] A* room(std::size_t i, std::span<float> memory) const {
    return reinterpret_cast<A*>(memory.data() + scores_ + gradient_ + i * room_);
  }
  [[nodiscard]] std::span<std::byte> workspace(std::span<float> memory) const {
    return std::as_writable_bytes(memory.subspan(workspace_at()));
  }

 private:
  [[nodiscard]] std::size_t workspace_at() const { return scores_ + gradient_ + 5 * room_; }

  nn::Shape heads_;
  MatrixProduct scores_product_;
  std::size_t scores_, gradient_, workspace_, room_ = 0;
};

}  // namespace scoresde::cuda::detail
