// SPDX-License-Identifier: MIT
/// What a run would have asked of the device, written down step by step.
///
/// A call has a structure (which operation, on which memory) and numbers (coefficients, the index
/// of a draw). Steps of equal structure are one CUDA graph that finds its numbers in a table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <scoresde/cuda/context.hpp>
#include <scoresde/cuda/kernels/step_row.hpp>
#include <scoresde/error.hpp>
#include <scoresde/time/time_grid.hpp>

namespace scoresde::cuda {

/// What a call is given when it is played into a graph.
struct Playing {
  StepRow row{};              ///< where its numbers lie
  void* scratch = nullptr;    ///< as many bytes as it asked for
  double* told = nullptr;     ///< the numbers that the next evaluation of a model is told
  unsigned* flags = nullptr;  ///< one for each check of the run
};

struct RecordedCall {
  std::vector<std::uint64_t> structure;
  std::vector<double> numbers;
  std::size_t scratch_bytes = 0;
  std::function<void(const Playing&)> play;
};

/// A check of a run, and what its failure is to be called.
struct RecordedCheck {
  std::string sampler;
  TimeStep step;
};

class Recording {
 public:
  using Step = std::vector<RecordedCall>;

  void add(RecordedCall call) { current_.push_back(std::move(call)); }
  /// The number of the check among those of the run.
  std::size_t add_check(RecordedCheck check) {
    checks_.push_back(std::move(check));
    return checks_.size() - 1;
  }
  /// What was added since the last call is one graph, and one row of the table.
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

/// An address as a part of a structure.
inline std::uint64_t word(const void* address) {
  return static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(address));
}

/// Does the call now, or writes it down while a run is recorded. A call has structure(), numbers(),
/// scratch_bytes() and play(context, playing).
template <class Call>
void submit(const Context& context, const Call& call) {
  if (Recording* const recording = context.recording()) {
    recording->add({call.structure(), call.numbers(), call.scratch_bytes(),
                    [context, call](const Playing& playing) { call.play(context, playing); }});
  } else {
    call.play(context, {.scratch = context.scratch(call.scratch_bytes())});
  }
}

/// Refuses what needs an answer from the device while a run is recorded.
inline void require_answers(const char* verb, const Context& context) {
  detail::require(context.recording() == nullptr, verb,
                  ": it brings numbers to the host, so a run that needs it cannot be captured in a "
                  "CUDA graph; run this sampler without CapturedSampler");
}

}  // namespace scoresde::cuda
