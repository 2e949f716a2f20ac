// SPDX-License-Identifier: MIT
/// cifar10_train --backend cpu.
#include <scoresde/io/atomic_file.hpp>

#include "host_training.hpp"
#include "on_backends.hpp"
#include "train_run.hpp"
#include "training_memory.hpp"

void cifar10::train_on_host(const TrainOptions& options, const Preset& preset) {
  require_memory(training_memory(options, preset, scoresde::eigen::Ops<float>()),
                 options.backend.memory_limit,
                 scoresde::text("a smaller --network-batch than ", network_batch(options, preset),
                                ", or a smaller --batch, needs less"));
  scoresde::io::require_writable_folder(options.out);
  visit_training(preset, [&]<class S, class Loss>(const S& sde, const Loss& loss) {
    HostTraining<S, Loss> training(options, preset, sde, loss);
    TrainRun(options, preset, training)();
  });
}
