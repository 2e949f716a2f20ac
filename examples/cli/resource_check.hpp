// SPDX-License-Identifier: MIT
/// Checks before a run that memory and disk space suffice.
#pragma once

#include <cstdio>
#include <filesystem>
#include <string>
#include <system_error>

#include <scoresde/error.hpp>

#include "cli/available_memory.hpp"

namespace programs {

/// Bytes of `count` float32 numbers.
[[nodiscard]] inline double float_bytes(double count) { return sizeof(float) * count; }

/// "29.9 GiB", "512 MiB".
[[nodiscard]] inline std::string size_text(double bytes) {
  const double mib = bytes / (1 << 20);
  char text[32];
  if (mib < 1024)
    std::snprintf(text, sizeof text, "%.3g MiB", mib);
  else
    std::snprintf(text, sizeof text, "%.1f GiB", mib / 1024);
  return text;
}

/// Throws Error, with `advice` at its end, if a run that needs `needed` bytes exceeds `limit_gib`,
/// or the available memory if the limit is 0.
inline void require_memory(double needed, double limit_gib, const std::string& advice) {
  MemoryBound bound;
  if (limit_gib > 0)
    bound = {limit_gib * (1 << 30), "--memory-limit"};
  else
    bound = available_memory();
  scoresde::require(needed <= bound.bytes, "memory: the run needs about ", size_text(needed),
                    "; it may take ", size_text(bound.bytes), " (", bound.source, "); ", advice);
}

/// Throws Error, with `advice` at its end, if the folder's file system has less space free.
inline void require_disk_space(const std::filesystem::path& folder, double needed,
                               const std::string& advice) {
  std::error_code failure;
  const auto space = std::filesystem::space(folder, failure);
  if (failure) return;
  scoresde::require(needed <= static_cast<double>(space.available), "disk: the run needs ",
                    size_text(needed), " in ", folder.string(), "; ",
                    size_text(static_cast<double>(space.available)), " are free; ", advice);
}

}  // namespace programs
