// SPDX-License-Identifier: MIT
/// How the Eigen backend divides work: into a fixed number of parts, each done by one thread.
///
/// Which items belong to which part depends on the counts alone, never on timing, so sums that are
/// reduced in the order of parts have the same bits in every run with the same number of threads.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#ifdef _OPENMP
#include <omp.h>
#endif

namespace scoresde::eigen::detail {

/// Items [begin, end) of a part.
struct Share {
  std::size_t begin = 0, end = 0;
};

/// The items of `part` when `count` items are divided as evenly as possible in order.
constexpr Share share(std::size_t count, std::size_t parts, std::size_t part) {
  return {count * part / parts, count * (part + 1) / parts};
}

/// Threads to use when `requested` are asked for; 0 asks for all.
inline std::size_t thread_count(std::size_t requested) {
#ifdef _OPENMP
  return requested != 0 ? requested : static_cast<std::size_t>(std::max(1, omp_get_max_threads()));
#else
  static_cast<void>(requested);
  return 1;
#endif
}

/// Calls f(part) once for each part. Correct with any number of threads, also where OpenMP gives
/// fewer than asked for, as inside another parallel region.
template <class F>
void for_each_part(std::size_t parts, const F& f) {
#ifdef _OPENMP
  if (parts > 1) {
    const auto count = static_cast<std::int64_t>(parts);
#pragma omp parallel for schedule(static, 1) num_threads(static_cast <int>(parts))
    for (std::int64_t part = 0; part < count; ++part) f(static_cast<std::size_t>(part));
    return;
  }
#endif
  for (std::size_t part = 0; part < parts; ++part) f(part);
}

/// Calls f(begin, end) on disjoint ranges that cover [0, count). A range of cheap items should
/// hold at least `grain` of them, as waking a thread costs some microseconds.
template <class F>
void for_each_range(std::size_t threads, std::size_t count, std::size_t grain, const F& f) {
  const std::size_t most = std::max<std::size_t>(1, count / std::max<std::size_t>(1, grain));
  const std::size_t parts = std::min(threads, most);
  for_each_part(parts, [&](std::size_t part) {
    const Share s = share(count, parts, part);
    if (s.begin < s.end) f(s.begin, s.end);
  });
}

}  // namespace scoresde::eigen::detail
