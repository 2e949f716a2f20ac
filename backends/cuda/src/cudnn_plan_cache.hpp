// SPDX-License-Identifier: MIT
/// PlanCache: execution plans on disk, one JSON file per plan.
///
///   {"key": "<graph, cuDNN's version, device, rules>", "checksum": "<of the plan>", "plan": {…}}
///
/// The file name is the hash of the key. Truncated or damaged files and files of another key are
/// ignored.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace scoresde::cuda {

class PlanCache {
 public:
  /// An empty path disables the cache. Throws Error if the directory cannot be created or written.
  explicit PlanCache(std::filesystem::path folder);

  /// cuDNN's JSON of the plan with this key, if it is stored.
  [[nodiscard]] std::optional<std::string> find(const std::string& key) const;
  /// Stores the plan atomically. Write errors, such as a full disk, are ignored: the plan is
  /// rebuilt when it is needed.
  void keep(const std::string& key, const std::string& plan) const;

  [[nodiscard]] std::filesystem::path file(const std::string& key) const;

 private:
  std::filesystem::path folder_;
};

}  // namespace scoresde::cuda
