// SPDX-License-Identifier: MIT
/// The options of programs that sample from a checkpoint by any sampler: cifar10_sample and
/// cifar10_evaluate.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <scoresde/registry/any_sde.hpp>
#include <scoresde/registry/metadata.hpp>

#include "cli/command_line.hpp"
#include "cli/sample_options.hpp"

namespace programs {

/// The group of options that only some samplers accept.
inline const char* const sampler_group = "Options of some samplers, rejected with others";

/// Sampler, SDE, time grid, clipping, classes, --first-sample, --batch and --seed.
void add_sampling_options(CommandLine& line, SampleOptions& o);

/// Resolves what the checkpoint determines and returns its configuration. `given`: the options of
/// sampler_group on the command line. Throws Error as checkpoint_configuration does, and UsageError
/// for options that the sampler or the network does not accept.
[[nodiscard]] scoresde::Metadata resolve_sampling(SampleOptions& options,
                                                  const std::vector<std::string>& given);

/// The SDE of --sde, resolved; none if it is the checkpoint's.
[[nodiscard]] std::optional<scoresde::AnySde> other_sde(const SampleOptions& options);

}  // namespace programs
