// SPDX-License-Identifier: MIT
/// Times on a GPU by its own events, and how much of its memory is taken.
///
/// A plain C++ header; CUDA's types stay in device_timer.cpp.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include <scoresde/cuda/context.hpp>

#include "times.hpp"

namespace device {

/// Marks in a context's stream: each is passed when all work before it is done.
class DeviceTimer {
 public:
  explicit DeviceTimer(const scoresde::cuda::Context& context);
  ~DeviceTimer();
  DeviceTimer(DeviceTimer&&) = delete;

  void mark();
  /// Seconds between the marks since the last call, in their order. Waits for the last of them.
  [[nodiscard]] std::vector<double> intervals();

 private:
  struct Events;
  scoresde::cuda::Context context_;
  std::unique_ptr<Events> events_;
};

/// Bytes of the device that are taken, by anyone.
[[nodiscard]] std::size_t bytes_taken(const scoresde::cuda::Context& context);

/// Seconds of single runs that follow each other without a gap of the host's, after three that are
/// not counted: at least `runs` of them, and so many that they take at least `seconds` in all.
template <class Run>
[[nodiscard]] Times time_runs(const scoresde::cuda::Context& context, const Run& run,
                              double seconds, std::size_t runs) {
  for (int i = 0; i < 3; ++i) run();
  context.synchronize();
  DeviceTimer timer(context);
  std::vector<double> times;
  double sum = 0;
  while (sum < seconds || times.size() < runs) {
    timer.mark();
    for (int i = 0; i < 10; ++i) {
      run();
      timer.mark();
    }
    for (const double interval : timer.intervals()) {
      times.push_back(interval);
      sum += interval;
    }
  }
  return summary(std::move(times));
}

}  // namespace device
