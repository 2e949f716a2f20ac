// SPDX-License-Identifier: MIT
/// cifar10_train --backend cuda.
#include <memory>

#include <scoresde/cuda/context.hpp>
#include <scoresde/cuda/ops.hpp>
#include <scoresde/io/atomic_file.hpp>
#include <scoresde/registry/usage_error.hpp>

#include "cli/train_run.hpp"
#include "engine/device_options.hpp"
#include "engine/device_training.hpp"
#include "engine/engine.hpp"

void programs::train_on_device(const TrainOptions& options, const scoresde::nn::Preset& preset) {
  scoresde::require_usage(!preset.classifier, "--backend cuda cannot be combined with --preset ",
                          preset.name, "; classifiers are trained on cpu");
  const scoresde::cuda::Context context(options.backend.device);
  const BackendOptions& backend = options.backend;
  with_activations(backend.precision, [&]<class A>() {
    const scoresde::cuda::Ops<A> ops(context, plan_options(backend),
                                     precision_of(backend.precision));
    scoresde::io::require_writable_folder(options.out);  // device and libraries are present
    const auto images = training_images(options);
    scoresde::visit_training(preset, [&]<class S, class Loss>(const S& sde, const Loss& loss) {
      const auto training =
          within_device_memory("a smaller --network-batch or --batch needs less", [&] {
            return std::make_unique<DeviceTraining<A, S, Loss>>(options, preset, ops, images, sde,
                                                                loss);
          });
      TrainRun(options, preset, *training)();
    });
  });
}
