// SPDX-License-Identifier: MIT
/// The file of --checkpoint and --init-weights.
#pragma once

#include <filesystem>
#include <string_view>

#include <scoresde/registry/metadata.hpp>

namespace programs {

/// The configuration of the checkpoint that an option names. Throws Error for files of other
/// libraries, naming the program that converts them, and for what read_configuration and network_of
/// reject, and UsageError for a network with other channels out than in.
[[nodiscard]] scoresde::Metadata checkpoint_configuration(const std::filesystem::path& path,
                                                          std::string_view option = "--checkpoint");

}  // namespace programs
