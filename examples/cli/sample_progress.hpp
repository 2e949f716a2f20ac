// SPDX-License-Identifier: MIT
/// NAME.progress.json: the progress and the settings of a run that samples, for --resume.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>

namespace programs {

struct SampleProgress {
  std::size_t samples = 0, evaluations = 0;     ///< samples on disk; network evaluations for them
  std::map<std::string, std::string> settings;  ///< all that the samples depend on
};

void write_progress(const std::filesystem::path& path, const SampleProgress& progress);

/// Throws Error with a list of all settings of the stopped run that differ from `wanted`.
void require_same_settings(const std::map<std::string, std::string>& kept,
                           const std::map<std::string, std::string>& wanted);

/// The progress that a run in `folder` begins with: none, or for `resume` what the stopped run has
/// kept in the file `name`. Throws Error for a stopped run without `resume`, for `resume` without
/// one, for settings other than those of the stopped run, with a list of all that differ, and for a
/// file that was not written by write_progress.
[[nodiscard]] SampleProgress starting_progress(const std::filesystem::path& folder,
                                               const std::string& name, bool resume,
                                               std::map<std::string, std::string> settings);

}  // namespace programs
