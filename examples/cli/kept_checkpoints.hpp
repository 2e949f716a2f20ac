// SPDX-License-Identifier: MIT
/// Numbered checkpoints of a run, kept in addition to the last one.
///
/// Song et al. 2021 (arXiv:2011.13456), appendix H: one per 50,000 iterations.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace programs {

/// "checkpoint_0050000.safetensors".
[[nodiscard]] inline std::string numbered_checkpoint(std::uint64_t step) {
  char name[64];
  std::snprintf(name, sizeof name, "checkpoint_%07llu.safetensors",
                static_cast<unsigned long long>(step));
  return name;
}

/// Steps of the numbered checkpoints in a folder, ascending.
[[nodiscard]] inline std::vector<std::uint64_t> kept_steps(const std::filesystem::path& folder) {
  std::vector<std::uint64_t> steps;
  std::error_code failure;
  for (const auto& entry : std::filesystem::directory_iterator(folder, failure)) {
    const std::string name = entry.path().filename().string();
    unsigned long long step = 0;
    if (std::sscanf(name.c_str(), "checkpoint_%llu.safetensors", &step) == 1 &&
        name == numbered_checkpoint(step))
      steps.push_back(step);
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

/// Removes all numbered checkpoints but the latest `count`; 0 keeps all.
inline void keep_newest(const std::filesystem::path& folder, std::size_t count) {
  const auto steps = kept_steps(folder);
  std::error_code failure;  // one that cannot be removed stays
  for (std::size_t i = 0; count > 0 && i + count < steps.size(); ++i)
    std::filesystem::remove(folder / numbered_checkpoint(steps[i]), failure);
}

}  // namespace programs
