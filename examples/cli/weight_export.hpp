// SPDX-License-Identifier: MIT
/// cifar10_train --export-ema: averaged weights of a run as a file to sample from.
#pragma once

#include "cli/train_options.hpp"

namespace programs {

/// Writes the EMA weights of the checkpoint in --out or, with --ema-width, the average of that
/// width and the end --ema-images, from the snapshots and the checkpoint of the run
/// (scoresde/optim/post_hoc_ema.hpp), as float32 with the configuration of the run. Throws Error
/// for files that are missing, broken or of different runs, before weights are read, and where the
/// file to write is not to be replaced.
void export_ema(const TrainOptions& options);

}  // namespace programs
