// SPDX-License-Identifier: MIT
/// The memory available to this process: the least of the machine's free memory and the limits of
/// control groups and ulimit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>

#include <sys/resource.h>

namespace programs {

/// An upper bound in bytes and its source; without a bound, the largest number.
struct MemoryBound {
  double bytes = std::numeric_limits<double>::infinity();
  std::string source = "no limit is known";

  /// Lowers the bound to `other` if that is less.
  void lower(double other, const std::string& its_source) {
    if (other < bytes) bytes = other, source = its_source;
  }
};

namespace detail {

/// Reads the number at the beginning of a file; false if there is none ("max" in control groups).
inline bool read_number(const std::filesystem::path& path, double& value) {
  std::ifstream stream(path);
  return static_cast<bool>(stream >> value);
}

/// MemAvailable of /proc/meminfo, in KiB: free memory and reclaimable caches.
inline void bound_by_machine(const std::filesystem::path& root, MemoryBound& bound) {
  std::ifstream stream(root / "proc/meminfo");
  std::string line;
  while (std::getline(stream, line)) {
    std::istringstream fields(line);
    std::string name;
    double kib = 0;
    if (fields >> name >> kib && name == "MemAvailable:")
      bound.lower(1024 * kib, "available on this machine");
  }
}

/// The limits of the process's control group and of those above it. Lines of /proc/self/cgroup are
/// "0::/path" in version 2 and "number:memory:/path" in version 1.
inline void bound_by_control_groups(const std::filesystem::path& root, MemoryBound& bound) {
  std::ifstream stream(root / "proc/self/cgroup");
  std::string line;
  while (std::getline(stream, line)) {
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool old = (',' + controllers + ',').find(",memory,") != std::string::npos;
    if (!controllers.empty() && !old) continue;
    const std::filesystem::path mounted = root / (old ? "sys/fs/cgroup/memory" : "sys/fs/cgroup");
    const char* const file = old ? "memory.limit_in_bytes" : "memory.max";
    double bytes = 0;
    // Inside a container the path may be the host's; the group is then at the mount point.
    for (auto part = std::filesystem::path(line.substr(second + 1)).relative_path();;
         part = part.parent_path()) {
      if (read_number(mounted / part / file, bytes))
        bound.lower(bytes, "limit of its control group");
      if (part.empty()) break;
    }
  }
}

inline void bound_by_ulimit(MemoryBound& bound) {
  for (const auto resource : {RLIMIT_AS, RLIMIT_DATA}) {
    struct rlimit limit {};
    if (getrlimit(resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
      bound.lower(static_cast<double>(limit.rlim_cur), "limit of ulimit");
  }
}

}  // namespace detail

/// The lowest of the bounds. `root` contains proc and sys.
[[nodiscard]] inline MemoryBound available_memory(const std::filesystem::path& root = "/") {
  MemoryBound bound;
  detail::bound_by_machine(root, bound);
  detail::bound_by_control_groups(root, bound);
  detail::bound_by_ulimit(bound);
  return bound;
}

}  // namespace programs
