// SPDX-License-Identifier: MIT
/// cifar10_train --backend cpu.
#include <scoresde/io/atomic_file.hpp>
#include <scoresde/registry/preset_training.hpp>

#include "cli/train_run.hpp"
#include "engine/classifier_training.hpp"
#include "engine/engine.hpp"
#include "engine/host_training.hpp"
#include "engine/training_memory.hpp"

void programs::train_on_host(const TrainOptions& options, const scoresde::nn::Preset& preset) {
  require_training_memory(options, preset);
  if (options.ranks->is_first()) scoresde::io::require_writable_folder(options.out);
  if (preset.classifier) {
    TrainOptions without_snapshots = options;
    without_snapshots.snapshot_every = 0;
    return scoresde::visit_classifier_training(
        preset, [&]<class S>(const S& sde, const scoresde::CrossEntropy& loss) {
          ClassifierTraining<S> training(options, preset, sde, loss);
          TrainRun(without_snapshots, preset, training)();
        });
  }
  scoresde::visit_training(preset, [&]<class S, class Loss>(const S& sde, const Loss& loss) {
    HostTraining<S, Loss> training(options, preset, sde, loss);
    TrainRun(options, preset, training)();
  });
}
