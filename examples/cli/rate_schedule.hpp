// SPDX-License-Identifier: MIT
/// --schedule of cifar10_train: the learning rate between warm-up and decay.
#pragma once

#include <string>

#include <scoresde/registry/presets.hpp>

#include "cli/command_line.hpp"
#include "cli/train_options.hpp"

namespace programs {

void add_schedule_options(CommandLine& line, TrainOptions& options);

/// Sets the schedule of the options; of a resumed run what they leave open is its checkpoint's.
/// Throws UsageError for options that the schedule does not have or lacks.
void add_schedule(const TrainOptions& options, scoresde::nn::Preset& preset);

/// "0.0002, from step 5000 on", and how it then changes.
[[nodiscard]] std::string rate_text(const scoresde::nn::Preset& preset);

}  // namespace programs
