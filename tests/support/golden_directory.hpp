// SPDX-License-Identifier: MIT
/// The directory of golden files, and the handling of missing kinds.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "support/catch.hpp"

namespace golden {

/// Whether SCORESDE_GOLDEN_DIR is set.
inline bool named() {
  const char* name = std::getenv("SCORESDE_GOLDEN_DIR");
  return name != nullptr && *name != '\0';
}

/// The directory in SCORESDE_GOLDEN_DIR, or tests/golden of the source tree.
inline std::filesystem::path directory() {
  if (named()) return std::getenv("SCORESDE_GOLDEN_DIR");
  return std::filesystem::path(SCORESDE_SOURCE_DIR) / "tests" / "golden";
}

/// Its safetensors files in alphabetical order; a directory without any fails the test.
inline std::vector<std::filesystem::path> files() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(directory()))
    if (entry.path().extension() == ".safetensors") paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  INFO("golden directory " << directory());
  REQUIRE(!paths.empty());
  return paths;
}

/// The source tree has cases of every kind; a directory set by the user may have only some.
inline void require_cases(std::size_t count, const std::string& kind) {
  if (count == 0 && named())
    WARN("no " << kind << " in " << directory());
  else
    CHECK(count > 0);
}

}  // namespace golden
