// SPDX-License-Identifier: MIT
/// Settings of a network and its run on the command line: a preset, a file, single settings.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tools/network_file.hpp"

namespace convert {

/// Later members override earlier ones.
struct SettingSources {
  std::string preset;
  std::filesystem::path config;
  std::vector<std::string> settings;
};

/// All settings as one configuration. Throws Error for an unknown setting, with a near name if
/// there is one, and for a value of the wrong type.
[[nodiscard]] Metadata configuration_of(const SettingSources& options, Format from);

}  // namespace convert
