// SPDX-License-Identifier: MIT
/// What cifar10_evaluate compares: samples of a checkpoint or finished ones, and a reference.
#pragma once

#include <string>
#include <vector>

#include "cli/evaluate_options.hpp"
#include "cli/evaluate_run.hpp"
#include "cli/programs.hpp"

namespace programs {

/// The samples of --from. Throws Error as open_images does, and UsageError for fewer images than
/// --samples or fewest_evaluated.
[[nodiscard]] EvaluationInput finished_samples(const EvaluateOptions& o);

/// Samples of the checkpoint, made into --out/samples when they are opened; resolves the options of
/// sampling. `given`: those of sampler_group on the command line. Throws Error as resolve_sampling
/// does. Refers to the engines.
[[nodiscard]] EvaluationInput samples_of_checkpoint(const std::vector<std::string>& given,
                                                    EvaluateOptions& o,
                                                    const SampleEngines& engines);

/// Opens the real images or reads their statistics. Throws Error as open_images does, and
/// UsageError for images of another shape than the samples and for too few.
void open_reference(const EvaluateOptions& o, EvaluationInput& input);

}  // namespace programs
