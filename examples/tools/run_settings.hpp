// SPDX-License-Identifier: MIT
/// Settings of a network and its run on the command line: a preset, a file, single settings.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <scoresde/optim/adam.hpp>

#include "tools/network_file.hpp"

namespace convert {

/// Later members override earlier ones.
struct SettingSources {
  std::string preset;
  std::filesystem::path config;
  std::vector<std::string> settings;
};

/// All settings as one configuration. Throws Error for an unknown setting, with a near name if
/// there is one, for a value of the wrong type, and for a value that the training rejects.
[[nodiscard]] Metadata configuration_of(const SettingSources& options, Format from);

/// The settings of Adam, or its defaults where the configuration does not contain them. Throws
/// Error for a value of the wrong type.
[[nodiscard]] scoresde::Adam optimizer_of(const Metadata& configuration);

}  // namespace convert
