// SPDX-License-Identifier: MIT
/// What the programs do on either backend, each in a file of its own. The device's are left out of
/// a build without scoresde::cuda, where none.cpp throws in their place.
#pragma once

#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/presets.hpp>

#include "cli/sample_options.hpp"
#include "cli/train_options.hpp"

namespace programs {

/// Trains as the options say and saves. Throws Error for what does not fit together, for data and
/// checkpoints that cannot be read, and where the device or its libraries are missing; nothing is
/// then written.
void train_on_host(const TrainOptions& options, const scoresde::nn::Preset& preset);
void train_on_device(const TrainOptions& options, const scoresde::nn::Preset& preset);

/// Samples by a choice that lacks only what the SDE decides, and writes the samples.
/// Throws Error likewise.
void sample_on_host(const SampleOptions& options, const scoresde::Metadata& configuration);
void sample_on_device(const SampleOptions& options, const scoresde::Metadata& configuration);

}  // namespace programs
