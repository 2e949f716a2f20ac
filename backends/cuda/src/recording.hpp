// SPDX-License-Identifier: MIT
/// The device operations of a run, recorded step by step.
///
/// A call has a structure (operation and memory) and numbers (coefficients, draw index). Steps of
/// equal structure share one CUDA graph, which reads its numbers from a table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <scoresde/cuda/context.hpp>
#include <scoresde/error.hpp>
#include <scoresde/time/time_grid.hpp>

#include "kernels/step_row.hpp"

namespace scoresde::cuda {

/// Arguments of a call while it is captured into a graph.
struct ReplayArguments {
  StepRow row{};                   ///< its numbers
  void* scratch = nullptr;         ///< scratch_bytes() bytes
  double* conditioning = nullptr;  ///< conditioning of the next model evaluation
  unsigned* flags = nullptr;       ///< one per check of the run
};

struct RecordedCall {
  std::vector<std::uint64_t> structure;
  std::vector<double> numbers;
  std::size_t scratch_bytes = 0;
  std::function<void(const ReplayArguments&)> replay;
};

/// A check of a run, with the names for its error message.
struct RecordedCheck {
  std::string sampler;
  TimeStep step;
};

namespace detail {

class Recording {
 public:
  using Step = std::vector<RecordedCall>;

  void add(RecordedCall call) { current_.push_back(std::move(call)); }
  /// Returns the index of the check in the run.
  std::size_t add_check(RecordedCheck check) {
    checks_.push_back(std::move(check));
    return checks_.size() - 1;
  }
  /// Ends a graph and a row of the table: the calls added since the last end_graph.
  void end_graph() {
    if (!current_.empty()) steps_.push_back(std::exchange(current_, {}));
  }

  [[nodiscard]] const std::vector<Step>& steps() const { return steps_; }
  [[nodiscard]] const std::vector<RecordedCheck>& checks() const { return checks_; }

 private:
  Step current_;
  std::vector<Step> steps_;
  std::vector<RecordedCheck> checks_;
};

}  // namespace detail

/// An address as a word of a structure.
inline std::uint64_t word(const void* address) {
  return static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(address));
}

/// Executes the call, or records it while a run is recorded. A call has structure(), numbers(),
/// scratch_bytes() and play(context, playing).
template <class Call>
void submit(const Context& context, const Call& call) {
  if (detail::Recording* const recording = context.recording()) {
    recording->add(
        {call.structure(), call.numbers(), call.scratch_bytes(),
         [context, call](const ReplayArguments& arguments) { call.replay(context, arguments); }});
  } else {
    call.replay(context, {.scratch = context.scratch(call.scratch_bytes())});
  }
}

/// Throws Error while a run is recorded; for operations that return results to the host.
inline void require_eager(const char* verb, const Context& context) {
  require(context.recording() == nullptr, verb,
          ": it copies results to the host, so the run cannot be captured in a "
          "CUDA graph; use this sampler without CapturedSampler");
}

}  // namespace scoresde::cuda
