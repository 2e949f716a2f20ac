// SPDX-License-Identifier: MIT
/// What a command line states of a network and its run: a preset, a file of settings, single ones.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tools/network_file.hpp"

namespace convert {

/// Each over those before it.
struct SettingSources {
  std::string preset;
  std::filesystem::path config;
  std::vector<std::string> settings;
};

/// All of them as one configuration. Throws Error for a setting that there is not, naming the
/// nearest, and for a value that is not of its kind.
[[nodiscard]] Metadata configuration_of(const SettingSources& options, Format from);

}  // namespace convert
