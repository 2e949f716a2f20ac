// SPDX-License-Identifier: MIT
/// Where golden files lie, and what it means to find none of a kind.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "support/catch.hpp"

namespace golden {

/// Whether SCORESDE_GOLDEN_DIR names the directory.
inline bool named() {
  const char* name = std::getenv("SCORESDE_GOLDEN_DIR");
  return name != nullptr && *name != '\0';
}

/// The directory that SCORESDE_GOLDEN_DIR names; tests/golden of the source tree without it.
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

/// The source tree holds every kind; a directory named by the user may hold some only.
inline void require_cases(std::size_t count, const std::string& kind) {
  if (count == 0 && named())
    WARN("no " << kind << " in " << directory());
  else
    CHECK(count > 0);
}

}  // namespace golden
