// SPDX-License-Identifier: MIT
/// Launches the kernels of a training step.
#include <scoresde/cuda/detail/training_kernels.hpp>

#include "enqueue.cuh"
#include "kernels/cross_entropy.hpp"
#include "kernels/denoising.hpp"
#include "kernels/minibatch_images.hpp"
#include "kernels/parameter_update.hpp"
#include "kernels/training_row.hpp"
#include "operands.hpp"

namespace scoresde::cuda::detail {

void training_row(const Context& context, const StepTable& table) {
  enqueue(context, TrainingRow{table}, "the parameters of a training step");
}

void minibatch(const Context& context, const DeviceImages& images, std::uint64_t first,
               std::uint64_t stride, const std::uint64_t* step, std::size_t samples, float* x,
               std::uint32_t* classes) {
  enqueue(context,
          MinibatchImages{images, first, stride, step, static_cast<unsigned>(samples), x, classes},
          "a minibatch");
}

void perturb(const Context& context, Extents shape, const double* mean, const double* std,
             const DeviceDraw& draw, const float* x0, float* x) {
  enqueue(context, Perturb{float4s_of(shape), mean, std, draw, x0, x}, "a perturbation");
}

void denoising_residual(const Context& context, Extents shape, const ResidualCoefficients& c,
                        double share, const DeviceDraw& draw, const float* x, const float* output,
                        float* gradient, double* losses) {
  enqueue(context,
          DenoisingResidual{float4s_of(shape), c.state, c.output, c.weight, share, draw, x, output,
                            gradient, losses},
          "a residual");
}

void cross_entropy(const Context& context, std::size_t samples, std::size_t classes,
                   const std::uint32_t* labels, double share, const float* logits, float* gradient,
                   double* losses) {
  enqueue(context,
          CrossEntropyGradient{static_cast<unsigned>(samples), static_cast<unsigned>(classes),
                               labels, share, logits, gradient, losses},
          "a cross-entropy");
}

std::size_t gradient_norm_scratch(std::size_t count) { return SumOfSquares::parts(count); }

template <class Rule>
void update_parameters(const Context& context, const DeviceParameters& run, const Rule& optimizer,
                       const ExponentialMovingAverage& ema, const double* losses,
                       std::size_t samples, bool clear_gradient) {
  using Coefficients = CoefficientsOf<Rule, float>;
  static_assert(sizeof(Coefficients) <= coefficient_bytes);
  auto* const coefficients = static_cast<Coefficients*>(run.coefficients);
  const bool whole = rows_are_whole(16, run.parameters, run.first_moment, run.second_moment,
                                    run.average, run.gradient, run.cast);
  enqueue(context, SumOfSquares{run.count, whole, run.gradient, run.partial}, "a sum of squares");
  enqueue(context,
          FinalizeStep<Rule>{optimizer, ema, SumOfSquares::parts(run.count),
                             static_cast<unsigned>(samples), run.partial, losses, run.step,
                             coefficients, run.outcome, run.skip_limit},
          "the end of a training step");
  enqueue(context,
          UpdateParameters<Coefficients>{run.count, whole, clear_gradient, coefficients,
                                         run.outcome, run.parameters, run.first_moment,
                                         run.second_moment, run.average, run.gradient, run.cast},
          "a parameter update");
}

template void update_parameters(const Context&, const DeviceParameters&, const Adam&,
                                const ExponentialMovingAverage&, const double*, std::size_t, bool);
template void update_parameters(const Context&, const DeviceParameters&, const RAdam&,
                                const ExponentialMovingAverage&, const double*, std::size_t, bool);
template void update_parameters(const Context&, const DeviceParameters&, const Sgd&,
                                const ExponentialMovingAverage&, const double*, std::size_t, bool);

}  // namespace scoresde::cuda::detail
