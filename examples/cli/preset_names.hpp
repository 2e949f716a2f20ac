// SPDX-License-Identifier: MIT
/// The presets' names, for options.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <scoresde/registry/presets.hpp>

#include "cli/checks.hpp"

namespace programs {

/// The presets' names, with those of classifiers where `classifiers` is set.
[[nodiscard]] inline std::vector<std::string> preset_list(bool classifiers) {
  std::vector<std::string> names;
  for (const auto& preset : scoresde::nn::presets()) names.push_back(preset.name);
  if (classifiers)
    for (const auto& preset : scoresde::nn::classifier_presets()) names.push_back(preset.name);
  return names;
}

/// The same in one line, for --help.
[[nodiscard]] inline std::string preset_names(bool classifiers = false) {
  std::string names;
  for (const auto& name : preset_list(classifiers)) names += (names.empty() ? "" : ", ") + name;
  return names;
}

/// Accepts the presets' names, with `edm` as well as `karras`, and those of classifiers where
/// `classifiers` is set.
[[nodiscard]] inline Check preset_name(bool classifiers = false) {
  std::vector<std::string> more;
  for (const auto& preset : scoresde::nn::presets()) more.push_back(scoresde::nn::edm_name(preset));
  return one_of(preset_list(classifiers), std::move(more));
}

}  // namespace programs
