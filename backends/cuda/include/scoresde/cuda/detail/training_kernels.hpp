// SPDX-License-Identifier: MIT
/// The kernels of a training step on the device, as functions that launch them.
///
///   minibatch → x_0,  perturb → x_t,  (the network),  denoising_residual or cross_entropy → ∂loss/∂F,
///   (its backward pass),  update_parameters
///
/// Pointers are device memory. Every function is asynchronous in the context's stream and can be
/// captured in a CUDA graph; what changes between steps is read from device memory: per-sample
/// coefficients, and the step counter that indexes all draws. All functions throw Error if a launch
/// fails.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <scoresde/cuda/bfloat16.hpp>
#include <scoresde/cuda/context.hpp>
#include <scoresde/cuda/detail/device_draw.hpp>
#include <scoresde/cuda/detail/training_arguments.hpp>
#include <scoresde/optim/adam.hpp>
#include <scoresde/optim/ema.hpp>
#include <scoresde/optim/radam.hpp>
#include <scoresde/optim/sgd.hpp>
#include <scoresde/state/backend.hpp>

namespace scoresde::cuda::detail {

/// Copies the per-sample parameters of the current step from its row of the table.
void training_row(const Context& context, const StepTable& table);

/// x ← the images at positions first + stride·step, … of the stream, (samples, C, H, W),
/// bit-identical to data::ImageStream's; `classes` ← their labels, unless it is null.
void minibatch(const Context& context, const DeviceImages& images, std::uint64_t first,
               std::uint64_t stride, const std::uint64_t* step, std::size_t samples, float* x,
               std::uint32_t* classes);

/// x ← mean[n]·x0 + std[n]·z with z from `draw`, bit-identical to HostState<float>'s.
void perturb(const Context& context, Extents shape, const double* mean, const double* std,
             const DeviceDraw& draw, const float* x0, float* x);

/// Per sample: a and b of the residual a·x + b·F + z, and the weight of its square.
struct ResidualCoefficients {
  const double *state, *output, *weight;
};

/// losses[n] ← weight·‖residual‖², gradient ← 2·weight·b·share·residual; `gradient` may alias
/// `output`. `share` is the weight of a sample in the batch mean.
void denoising_residual(const Context& context, Extents shape, const ResidualCoefficients& c,
                        double share, const DeviceDraw& draw, const float* x, const float* output,
                        float* gradient, double* losses);

/// losses[n] ← −log softmax(logits[n])[labels[n]], gradient ← share·(softmax(logits) − one-hot);
/// `gradient` may alias `logits`. Labels must be below `classes`.
void cross_entropy(const Context& context, std::size_t samples, std::size_t classes,
                   const std::uint32_t* labels, double share, const float* logits, float* gradient,
                   double* losses);

/// Scratch size in doubles of update_parameters for `count` parameters.
[[nodiscard]] std::size_t gradient_norm_scratch(std::size_t count);

/// Enough for the coefficients of every optimizer that kernels are compiled for.
inline constexpr std::size_t coefficient_bytes = 64;

/// The flat buffers of a run, and the results of its steps in device memory.
struct DeviceParameters {
  std::size_t count = 0;
  float *parameters = nullptr, *first_moment = nullptr, *second_moment = nullptr;
  float* average = nullptr;  ///< may be null
  float* gradient = nullptr;
  Bfloat16* cast = nullptr;       ///< the network's weights; may be null
  double* partial = nullptr;      ///< gradient_norm_scratch(count) doubles
  std::uint64_t* step = nullptr;  ///< number of the step; incremented
  void* coefficients = nullptr;   ///< of the optimizer; coefficient_bytes
  StepOutcome* outcome = nullptr;
  std::uint32_t skip_limit = 0;  ///< TrainingConfigurationWith::skip_limit
};

/// ‖gradient‖, then the update with clipping, EMA and cast in one pass. A step whose loss (the mean
/// of `losses`) or gradient is not finite changes only the outcome and the number of the step.
/// After skip_limit such steps in a row, one more and all later steps change the outcome alone,
/// until outcome->skipped is set to 0. `clear_gradient` zeros the gradient for the next step. The
/// rule is Adam, RAdam or Sgd.
template <class Rule>
void update_parameters(const Context& context, const DeviceParameters& run, const Rule& optimizer,
                       const ExponentialMovingAverage& ema, const double* losses,
                       std::size_t samples, bool clear_gradient);

extern template void update_parameters(const Context&, const DeviceParameters&, const Adam&,
                                       const ExponentialMovingAverage&, const double*, std::size_t,
                                       bool);
extern template void update_parameters(const Context&, const DeviceParameters&, const RAdam&,
                                       const ExponentialMovingAverage&, const double*, std::size_t,
                                       bool);
extern template void update_parameters(const Context&, const DeviceParameters&, const Sgd&,
                                       const ExponentialMovingAverage&, const double*, std::size_t,
                                       bool);

/// Whether update_parameters is compiled for a rule.
template <class Rule>
inline constexpr bool has_update_kernels =
    std::is_same_v<Rule, Adam> || std::is_same_v<Rule, RAdam> || std::is_same_v<Rule, Sgd>;

}  // namespace scoresde::cuda::detail
