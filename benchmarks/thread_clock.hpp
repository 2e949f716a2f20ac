// SPDX-License-Identifier: MIT
/// The processor time of the calling thread, which excludes other work on the machine.
#pragma once

#include <ctime>

/// Seconds of processor time since the thread began.
inline double thread_seconds() {
  std::timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// Those of work().
inline double seconds(const auto& work) {
  const double begin = thread_seconds();
  work();
  return thread_seconds() - begin;
}
