// SPDX-License-Identifier: MIT
/// --init-weights of cifar10_train: a new run that starts from the weights of a file.
#pragma once

#include <scoresde/registry/presets.hpp>

#include "cli/train_options.hpp"

namespace programs {

/// Completes the options of a run: what its checkpoints store about the file of --init-weights, and
/// what is printed about it; of a resumed run what its checkpoint stores. Throws Error for a file
/// that is missing, of another library, or whose network is not the preset's.
void add_init_weights(TrainOptions& options, const scoresde::nn::Preset& preset);

}  // namespace programs
