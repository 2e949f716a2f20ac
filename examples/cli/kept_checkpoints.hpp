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
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>

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

/// The file of an ablation in its folder.
inline constexpr const char* ablation_file = "ablation.json";

namespace detail {

/// Whether a log has a row, of a CSV below its header.
[[nodiscard]] inline bool has_rows(const std::filesystem::path& log) {
  std::ifstream stream(log);
  std::string line;
  const bool has_header = log.extension() == ".csv";
  return std::getline(stream, line) && (!has_header || std::getline(stream, line));
}

}  // namespace detail

/// The name of the first numbered checkpoint, snapshot of weights or samples, log with rows, or
/// file of an ablation in a folder, std::nullopt if there is none.
[[nodiscard]] inline std::optional<std::string> file_of_a_run(const std::filesystem::path& folder) {
  std::optional<std::string> first;
  std::error_code failure;
  for (const auto& entry : std::filesystem::directory_iterator(folder, failure)) {
    const std::string name = entry.path().filename().string();
    const bool weights = name.ends_with(".safetensors") &&
                         (name.starts_with("checkpoint_") || name.starts_with("weights_"));
    const bool samples = name.ends_with(".png") && name.starts_with("snapshot_");
    const bool log =
        (name == "train_log.csv" || name == "train_log.jsonl" || name == "held_out.csv") &&
        entry.is_regular_file(failure);
    const bool of_a_run =
        weights || samples || name == ablation_file || (log && detail::has_rows(entry.path()));
    if (of_a_run && (!first || name < *first)) first = name;
  }
  return first;
}

/// Removes all numbered checkpoints up to `step`, the one just written, but the latest `count`; 0
/// keeps all. Those of later steps belong to another run and stay.
inline void keep_newest(const std::filesystem::path& folder, std::size_t count,
                        std::uint64_t step) {
  auto steps = kept_steps(folder);
  std::erase_if(steps, [step](std::uint64_t other) { return other > step; });
  std::error_code failure;  // one that cannot be removed stays
  for (std::size_t i = 0; count > 0 && i + count < steps.size(); ++i)
    std::filesystem::remove(folder / numbered_checkpoint(steps[i]), failure);
}

/// Renames numbered checkpoints of steps after `step`, at which a run goes on: the run has gone
/// back and writes those steps again, and --keep neither counts nor removes the old ones. Returns
/// old and new names. Throws Error where one cannot be renamed.
inline std::vector<std::pair<std::string, std::string>> set_later_aside(
    const std::filesystem::path& folder, std::uint64_t step) {
  std::vector<std::pair<std::string, std::string>> renamed;
  for (const std::uint64_t other : kept_steps(folder)) {
    if (other <= step) continue;
    const std::string old = numbered_checkpoint(other);
    const std::string stem = old.substr(0, old.rfind('.')) + ".superseded";
    std::string name = stem + ".safetensors";
    for (int n = 2; std::filesystem::exists(folder / name); ++n)
      name = stem + '-' + std::to_string(n) + ".safetensors";
    std::error_code failure;
    std::filesystem::rename(folder / old, folder / name, failure);
    scoresde::require(!failure, "--resume: ", (folder / old).string(), " is of a step after ", step,
                      ", at which the run goes on, and cannot be renamed: ", failure.message());
    renamed.emplace_back(old, name);
  }
  return renamed;
}

}  // namespace programs
