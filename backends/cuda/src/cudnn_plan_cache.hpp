// SPDX-License-Identifier: MIT
/// PlanCache: execution plans on disk, one JSON file each, found again by what they were made for.
///
///   {"key": "<graph, cuDNN's version, device, rules>", "checksum": "<of the plan>", "plan": {…}}
///
/// The name of a file is the hash of its key. What is not whole, damaged or of another key is as
/// good as absent.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace scoresde::cuda {

class PlanCache {
 public:
  /// An empty path keeps nothing. Throws Error when the folder cannot be made or written.
  explicit PlanCache(std::filesystem::path folder);

  /// cuDNN's JSON of the plan of that key, if it is there.
  [[nodiscard]] std::optional<std::string> find(const std::string& key) const;
  /// Puts it there, whole or not at all. A disk that is full later on is no error: the plan is only
  /// made again.
  void keep(const std::string& key, const std::string& plan) const;

  [[nodiscard]] std::filesystem::path file(const std::string& key) const;

 private:
  std::filesystem::path folder_;
};

}  // namespace scoresde::cuda
