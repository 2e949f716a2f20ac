// SPDX-License-Identifier: MIT
/// Statistics of the times of repeated runs.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

struct Times {
  std::size_t runs = 0;
  double least = 0, median = 0;
};

/// Requires at least one run.
inline Times summary(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  const std::size_t n = times.size();
  return {n, times.front(), (times[(n - 1) / 2] + times[n / 2]) / 2};
}
