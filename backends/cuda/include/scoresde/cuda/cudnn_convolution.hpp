// SPDX-License-Identifier: MIT
/// Convolutions on the GPU by cuDNN, forward and backward, in channels-last (NHWC) layout.
///
///   forward          y ← f((W ∗ x + residual + bias[c] + channel_bias[n, c])·scale),
///                    f(v) = max(v, 0) with relu, else v
///   backward data    dx ← Wᵀ ∗ dy, or added to dx
///   backward filter  dW ← dW + x ∗ dy, in float32
///
/// Element (n, c, h, w) of a tensor is at offset ((n·H + h)·W + w)·C + c, element (out, in, i, j)
/// of W at ((out·k + i)·k + j)·in_channels + in. Each operation is a graph of cuDNN's backend API.
/// Its execution plan is built once per shape, cached in memory and optionally on disk.
#pragma once

#include <compare>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <scoresde/cuda/context.hpp>
#include <scoresde/cuda/precision.hpp>
#include <scoresde/nn/graph/inference_ops.hpp>
#include <scoresde/nn/graph/ops.hpp>

namespace scoresde::cuda {

struct PlanTarget;

/// The device for which plans are built.
class PlanDevice {
 public:
  /// The device of a context, and its stream. Throws Error when cuDNN is missing.
  explicit PlanDevice(const Context& context);
  /// A device given only by cuDNN's JSON description of its properties: plans can be built and
  /// stored for it on any machine, but not run. Throws Error if cuDNN is missing or rejects the
  /// description.
  [[nodiscard]] static PlanDevice described(std::string_view json);

  /// Model, architecture and multiprocessor count; stored plans are used only if it is the same.
  [[nodiscard]] const std::string& name() const;
  [[nodiscard]] const PlanTarget& target() const { return *target_; }

 private:
  PlanDevice() = default;
  std::shared_ptr<const PlanTarget> target_;
};

struct PlanOptions {
  std::filesystem::path cache{};  ///< directory of stored plans; empty: do not store plans
  std::size_t workspace_limit = std::size_t{64} << 20;  ///< in bytes, per plan
  std::size_t autotune = 0;   ///< plans to time per graph; 0: use cuDNN's first choice
  bool compile = true;        ///< allow engines compiled at run time (about 1 s each)
  bool deterministic = true;  ///< only plans with bit-identical results in every run
};

/// The terms of the forward equation that are present.
struct Epilogue {
  bool residual = false, bias = false, channel_bias = false, scale = false, relu = false;
  [[nodiscard]] constexpr bool empty() const {
    return !residual && !bias && !channel_bias && !scale && !relu;
  }
  constexpr auto operator<=>(const Epilogue&) const = default;
};

/// Device pointers of a forward convolution, in the activation type; scale is a host float.
struct ConvolutionOperands {
  const void* x = nullptr;             ///< (n, h, w, in)
  const void* weights = nullptr;       ///< (out, k, k, in)
  const void* residual = nullptr;      ///< shape of y; must not be y
  const void* bias = nullptr;          ///< (out)
  const void* channel_bias = nullptr;  ///< (n, out)
  float scale = 1;
  bool relu = false;
  void* y = nullptr;  ///< (n, h', w', out)
};

/// The plan selected for one graph.
struct PlanReport {
  std::string graph;          ///< description
  std::string engine;         ///< cuDNN's engine number, or the stored plan's path
  std::size_t workspace = 0;  ///< bytes
  bool fused = true;          ///< false: the epilogue or the sum into dW runs as a separate kernel
  double seconds = 0;         ///< build time
};

/// The plans of one network in one precision. Runs are asynchronous work of the context's stream.
/// Not thread-safe.
///
/// plan_… builds the plan unless it is cached and returns its workspace size in bytes. A run also
/// builds a missing plan, so call plan_… before stream capture. All members throw Error if shapes
/// do not match the operation, and if cuDNN has no plan; the message names the graph, the cause and
/// a remedy. `x` is always the shape of the forward input; `input_major` is ignored.
class ConvolutionPlans {
 public:
  /// Throws Error if the cache directory is not writable, or for autotuning without a device.
  ConvolutionPlans(PlanDevice device, Precision precision, PlanOptions options = {});
  ~ConvolutionPlans();
  ConvolutionPlans(ConvolutionPlans&&) noexcept;
  ConvolutionPlans& operator=(ConvolutionPlans&&) noexcept;

  const PlanReport& plan_forward(const nn::Convolution& op, const nn::Shape& x,
                                 const Epilogue& epilogue);
  const PlanReport& plan_backward_data(const nn::Convolution& op, const nn::Shape& x,
                                       bool accumulate);
  const PlanReport& plan_backward_filter(const nn::Convolution& op, const nn::Shape& x);

  /// Terms with a null pointer, or a scale of 1, are omitted. Throws Error also if the residual is
  /// y.
  void forward(const nn::Convolution& op, const nn::Shape& x, const ConvolutionOperands& operands,
               std::span<std::byte> workspace);
  /// The same for inference, with a bias.
  const PlanReport& plan_forward(const nn::RectangularConvolution& op, const nn::Shape& x);
  void forward(const nn::RectangularConvolution& op, const nn::Shape& x,
               const ConvolutionOperands& operands, std::span<std::byte> workspace);
  /// No-op if dx.data is null.
  void backward_data(const nn::Convolution& op, const nn::Shape& x, const void* weights,
                     const void* dy, nn::Gradient<void> dx, std::span<std::byte> workspace);
  /// No-op if dweights is null.
  void backward_filter(const nn::Convolution& op, const nn::Shape& x, const void* input,
                       const void* dy, float* dweights, std::span<std::byte> workspace);

  /// One report per plan built so far.
  [[nodiscard]] std::vector<PlanReport> reports() const;

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace scoresde::cuda
