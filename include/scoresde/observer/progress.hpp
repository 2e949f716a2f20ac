// SPDX-License-Identifier: MIT
/// Progress: an observer that reports the progress, speed and remaining time of a run.
///
/// Not in scoresde.hpp, because <chrono> takes a sixth of the core's compile time.
#pragma once

#include <chrono>
#include <cstddef>
#include <utility>

#include <scoresde/error.hpp>
#include <scoresde/observer/observer.hpp>

namespace scoresde {

/// The progress of a run.
struct ProgressReport {
  std::size_t done = 0;
  std::size_t steps = 0;         ///< 0 if not known
  std::size_t nfe = 0;           ///< evaluations of the model so far
  double t = 0;                  ///< current time
  double seconds = 0;            ///< since the start
  double steps_per_second = 0;   ///< since the start
  double remaining_seconds = 0;  ///< at that rate; 0 if the number of steps is not known
};

/// Calls sink(const ProgressReport&) after every `every` steps and after the last.
template <class Sink>
class Progress {
 public:
  /// Throws Error for every = 0.
  explicit Progress(Sink sink, std::size_t every = 1) : sink_(std::move(sink)), every_(every) {
    require(every >= 1, "progress: every is 0; it must be at least 1");
  }

  template <class X>
  void on_start(const ObservedStep&, const X&) {
    begin_ = std::chrono::steady_clock::now();
  }
  template <class X>
  void on_step(const ObservedStep& step, const X&) {
    const std::size_t done = step.index + 1;
    if (done % every_ != 0 && done != step.steps) return;
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin_;
    const double seconds = elapsed.count();
    const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
    const double left = step.steps > done && rate > 0 ? double(step.steps - done) / rate : 0;
    sink_(ProgressReport{done, step.steps, step.nfe, step.time.t_next, seconds, rate, left});
  }

 private:
  Sink sink_;
  std::size_t every_;
  std::chrono::steady_clock::time_point begin_{};
};

}  // namespace scoresde
