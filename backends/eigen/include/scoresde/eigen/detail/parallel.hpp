// SPDX-License-Identifier: MIT
/// Division of work among threads in the Eigen backend.
///
/// Each sum is computed by one work item in a fixed order, so results are bit-identical for any
/// number of threads; independent items may run on any thread.
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

/// The items of `part` when `count` items are divided in order, as evenly as possible.
constexpr Share share(std::size_t count, std::size_t parts, std::size_t part) {
  return {count * part / parts, count * (part + 1) / parts};
}

/// Number of threads for `requested`; 0 means all.
inline std::size_t thread_count(std::size_t requested) {
#ifdef _OPENMP
  return requested != 0 ? requested : static_cast<std::size_t>(std::max(1, omp_get_max_threads()));
#else
  static_cast<void>(requested);
  return 1;
#endif
}

/// Calls f(part) once for each part. Correct for any number of threads, including where OpenMP
/// provides fewer than requested, as inside another parallel region.
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

/// Calls f(worker, item) once for each item, in any order and on any worker < threads; results must
/// not depend on either. Items are scheduled dynamically, so that a busy core does not delay the
/// others.
template <class F>
void for_each_item([[maybe_unused]] std::size_t threads, std::size_t items, const F& f) {
#ifdef _OPENMP
  if (const std::size_t workers = std::min(threads, items); workers > 1) {
    const auto count = static_cast<std::int64_t>(items);
#pragma omp parallel for schedule(dynamic, 1) num_threads(static_cast <int>(workers))
    for (std::int64_t item = 0; item < count; ++item)
      f(static_cast<std::size_t>(omp_get_thread_num()), static_cast<std::size_t>(item));
    return;
  }
#endif
  for (std::size_t item = 0; item < items; ++item) f(std::size_t(0), item);
}

/// Calls f(begin, end) on disjoint ranges that cover [0, count), for work whose results do not
/// depend on the ranges. A range of cheap items should have at least `grain` of them, because
/// waking a thread costs a few microseconds.
template <class F>
void for_each_range(std::size_t threads, std::size_t count, std::size_t grain, const F& f) {
  const std::size_t most = std::max<std::size_t>(1, count / std::max<std::size_t>(1, grain));
  const std::size_t ranges = threads == 1 ? 1 : std::min(4 * threads, most);
  for_each_item(threads, ranges, [&](std::size_t, std::size_t range) {
    const Share s = share(count, ranges, range);
    if (s.begin < s.end) f(s.begin, s.end);
  });
}

}  // namespace scoresde::eigen::detail
