// SPDX-License-Identifier: MIT
/// Times on a GPU measured by its events, and its used memory.
///
/// A plain C++ header; CUDA types appear only in device_timer.cpp.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include <scoresde/cuda/context.hpp>

#include "times.hpp"

namespace device {

/// Marks in a context's stream: each is passed when all work before it has finished.
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

/// Used bytes of device memory, by all processes.
[[nodiscard]] std::size_t bytes_taken(const scoresde::cuda::Context& context);

/// Seconds of single runs that follow each other without a gap of the host's, after three that are
/// not counted: at least `runs`, and as many as take at least `seconds` in total.
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
