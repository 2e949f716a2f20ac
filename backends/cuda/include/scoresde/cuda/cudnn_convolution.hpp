// SPDX-License-Identifier: MIT
/// Convolutions on the GPU by cuDNN, forward and backward, in channels-last memory.
///
///   forward          y ← (W ∗ x + residual + bias[c] + channel_bias[n, c])·scale
///   backward data    dx ← Wᵀ ∗ dy, or added to dx
///   backward filter  dW ← dW + x ∗ dy, in float32
///
/// Element (n, c, h, w) of a tensor lies at ((n·H + h)·W + w)·C + c, and element (out, in, i, j)
/// of W at ((out·k + i)·k + j)·in_channels + in. Each is a graph of cuDNN's backend API for which
/// an execution plan is made once for every shape, kept in memory and, if wished, on disk.
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
#include <scoresde/nn/ops.hpp>

namespace scoresde::cuda {

struct PlanTarget;

/// The device that plans are made for.
class PlanDevice {
 public:
  /// The device of a context, and its stream. Throws Error when cuDNN is missing.
  explicit PlanDevice(const Context& context);
  /// A device known by cuDNN's JSON of its properties alone: plans can be made and stored for it on
  /// any machine, but not run. Throws Error when cuDNN is missing or does not accept the text.
  [[nodiscard]] static PlanDevice described(std::string_view json);

  /// Model, architecture and multiprocessors; stored plans are taken where this is the same.
  [[nodiscard]] const std::string& name() const;
  [[nodiscard]] const PlanTarget& target() const { return *target_; }

 private:
  PlanDevice() = default;
  std::shared_ptr<const PlanTarget> target_;
};

struct PlanOptions {
  std::filesystem::path cache{};  ///< folder of stored plans; empty: they are made in every process
  std::size_t workspace_limit = std::size_t{64} << 20;  ///< bytes that one plan may take
  std::size_t autotune = 0;   ///< plans that are timed, for each graph, 0: cuDNN's first is taken
  bool compile = true;        ///< kernels may be generated, which takes cuDNN a second each
  bool deterministic = true;  ///< only plans that give the same bits every time
};

/// Which parts of the forward equation are there.
struct Epilogue {
  bool residual = false, bias = false, channel_bias = false, scale = false;
  [[nodiscard]] constexpr bool empty() const {
    return !residual && !bias && !channel_bias && !scale;
  }
  constexpr auto operator<=>(const Epilogue&) const = default;
};

/// Device pointers of a forward convolution; all but float32's scale in the activations' type.
struct ConvolutionOperands {
  const void* x = nullptr;             ///< (n, h, w, in)
  const void* weights = nullptr;       ///< (out, k, k, in)
  const void* residual = nullptr;      ///< like y, not y itself
  const void* bias = nullptr;          ///< (out)
  const void* channel_bias = nullptr;  ///< (n, out)
  float scale = 1;
  void* y = nullptr;  ///< (n, h', w', out)
};

/// What was chosen for one graph.
struct PlanReport {
  std::string graph;          ///< in words
  std::string engine;         ///< cuDNN's number, or where the plan was stored
  std::size_t workspace = 0;  ///< bytes
  bool fused = true;          ///< false: the epilogue, or the sum into dW, is a kernel of its own
  double seconds = 0;         ///< that making it took
};

/// The plans of one network in one precision. Runs are work of the device's context: asynchronous,
/// and for one thread at a time.
///
/// plan_… makes the plan if it is not there and says how much workspace it takes; a run makes it,
/// too, so call plan_… before capturing a graph. All throw Error when the shapes do not fit the
/// operation, or when cuDNN finds no plan: with the graph, why not, and what to do.
/// `x` is always the shape of the forward operation's input; `input_major` is not looked at.
class ConvolutionPlans {
 public:
  /// Throws Error when the cache's folder cannot be written, or for autotuning without a device.
  ConvolutionPlans(PlanDevice device, Precision precision, PlanOptions options = {});
  ~ConvolutionPlans();
  ConvolutionPlans(ConvolutionPlans&&) noexcept;
  ConvolutionPlans& operator=(ConvolutionPlans&&) noexcept;

  const PlanReport& plan_forward(const nn::Convolution& op, const nn::Shape& x,
                                 const Epilogue& epilogue);
  const PlanReport& plan_backward_data(const nn::Convolution& op, const nn::Shape& x,
                                       bool accumulate);
  const PlanReport& plan_backward_filter(const nn::Convolution& op, const nn::Shape& x);

  /// The parts whose pointers are null, or whose scale is 1, are absent. Throws Error also for a
  /// residual that is y itself.
  void forward(const nn::Convolution& op, const nn::Shape& x, const ConvolutionOperands& operands,
               std::span<std::byte> workspace);
  /// Nothing when dx.data is null.
  void backward_data(const nn::Convolution& op, const nn::Shape& x, const void* weights,
                     const void* dy, nn::Gradient<void> dx, std::span<std::byte> workspace);
  /// Nothing when dweights is null.
  void backward_filter(const nn::Convolution& op, const nn::Shape& x, const void* input,
                       const void* dy, float* dweights, std::span<std::byte> workspace);

  /// All plans there are.
  [[nodiscard]] std::vector<PlanReport> reports() const;

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace scoresde::cuda
