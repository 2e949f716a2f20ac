// SPDX-License-Identifier: MIT
/// Training, sampling, likelihoods, editing and evaluation on either backend, one source file each.
/// Builds without scoresde::cuda replace those of the device by none.cpp, which throws.
#pragma once

#include <optional>
#include <vector>

#include <scoresde/registry/metadata.hpp>

#include "cli/programs.hpp"

namespace programs {

/// Trains with the given options and saves. Throws Error, before anything is written, for
/// contradictory options, for data and checkpoints that cannot be read, and if the device or its
/// libraries are missing.
void train_on_host(const TrainOptions& options, const scoresde::nn::Preset& preset);
void train_on_device(const TrainOptions& options, const scoresde::nn::Preset& preset);

/// The parts of an ablation on the CPU, as AblationEngine requires.
void check_ablation_on_host(const TrainOptions& options,
                            const std::vector<scoresde::nn::Preset>& presets);
[[nodiscard]] std::optional<std::vector<std::vector<HeldOutLevel>>> held_out_on_host(
    const TrainOptions& options, const scoresde::nn::Preset& preset);
inline constexpr AblationEngine ablation_on_host{check_ablation_on_host, train_on_host,
                                                 held_out_on_host};

/// Samples by options.sampler, with the SDE's defaults, and writes the samples. Throws Error as
/// above.
void sample_on_host(const SampleOptions& options, const scoresde::Metadata& configuration);
void sample_on_device(const SampleOptions& options, const scoresde::Metadata& configuration);

/// Computes likelihoods and writes them. Throws Error as above.
void likelihood_on_host(const LikelihoodOptions& options, const scoresde::Metadata& configuration);
void likelihood_on_device(const LikelihoodOptions& options,
                          const scoresde::Metadata& configuration);

/// Edits images and writes the results. Throws Error as above.
void edit_on_host(const EditOptions& options, const scoresde::Metadata& configuration);
void edit_on_device(const EditOptions& options, const scoresde::Metadata& configuration);

/// Compares samples with real images and writes the results. On a device a classifier's features
/// are computed on the CPU. Throws Error as above.
void evaluate_on_host(const EvaluateOptions& options, const EvaluationInput& input);
void evaluate_on_device(const EvaluateOptions& options, const EvaluationInput& input);

}  // namespace programs
