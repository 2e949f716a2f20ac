// SPDX-License-Identifier: MIT
/// cifar10_evaluate --backend cuda.
#include <scoresde/cuda/context.hpp>
#include <scoresde/cuda/ops.hpp>
#include <scoresde/io/atomic_file.hpp>

#include "cli/evaluate_run.hpp"
#include "engine/device_network.hpp"
#include "engine/device_options.hpp"
#include "engine/engine.hpp"
#include "engine/image_features.hpp"

namespace programs {

/// Inception runs in float32, as lower precisions change its features by 10⁻³.
void evaluate_on_device(const EvaluateOptions& options, const EvaluationInput& input) {
  EvaluateRun run(options, input);
  const BackendOptions& backend = options.sampling.backend;
  const auto inception = [&] {
    const scoresde::cuda::Context context(backend.device);
    return within_device_memory("a smaller --feature-batch needs less", [&] {
      using Ops = scoresde::cuda::Ops<float>;
      return inception_features<Ops>(
          options, input, context.name() + ", fp32",
          Ops(context, plan_options(backend), scoresde::cuda::Precision::fp32));
    });
  };
  const ImageFeatures network =
      options.inception.empty() ? classifier_on_host(options, input) : inception();
  scoresde::io::require_writable_folder(options.out);
  run(network);
}

}  // namespace programs
