// SPDX-License-Identifier: MIT
/// cifar10_train --backend cuda.
#include <memory>

#include <scoresde/cuda/context.hpp>
#include <scoresde/cuda/ops.hpp>
#include <scoresde/io/atomic_file.hpp>
#include <scoresde/registry/preset_training.hpp>
#include <scoresde/train/classification.hpp>
#include <scoresde/train/score_matching.hpp>

#include "cli/train_run.hpp"
#include "engine/device_options.hpp"
#include "engine/device_training.hpp"
#include "engine/engine.hpp"

void programs::train_on_device(const TrainOptions& given, const scoresde::nn::Preset& preset) {
  TrainOptions options = given;
  if (preset.classifier) options.snapshot_every = 0;
  const scoresde::cuda::Context context(options.backend.device);
  const BackendOptions& backend = options.backend;
  with_activations(backend.precision, [&]<class A>() {
    const scoresde::cuda::Ops<A> ops(context, plan_options(backend),
                                     precision_of(backend.precision));
    scoresde::io::require_writable_folder(options.out);  // device and libraries are present
    const auto images = training_images(options);
    const auto train = [&]<class Objective>(const Objective& objective, const auto& loss) {
      const auto training =
          within_device_memory("a smaller --network-batch or --batch needs less", [&] {
            return std::make_unique<DeviceTraining<A, Objective>>(options, preset, ops, images,
                                                                  objective, loss);
          });
      TrainRun(options, preset, *training)();
    };
    if (preset.classifier)
      scoresde::visit_classifier_training(
          preset, [&]<class S>(const S& sde, const scoresde::CrossEntropy& loss) {
            train(scoresde::Classification<S>(sde), loss);
          });
    else
      scoresde::visit_training(preset, [&]<class S, class Loss>(const S& sde, const Loss& loss) {
        train(scoresde::ScoreMatching<S, Loss>(sde), loss);
      });
  });
}
