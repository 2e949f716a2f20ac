// SPDX-License-Identifier: MIT
/// StepGraphs: a run of many steps as a few CUDA graphs and a table of numbers.
///
/// A fixed-step sampler knows its coefficients before it runs, so it is first run without a device:
/// what it asks for is written down, step by step. Steps that ask for the same on the same memory
/// are captured as one graph whose kernels read their coefficients and the index of their draw from
/// the table's row of the step. CapturedSampler is its user; others use that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include <scoresde/cuda/context.hpp>
#include <scoresde/cuda/device_memory.hpp>

namespace scoresde::cuda {

/// A model's evaluation, as it is written down and later captured.
struct Evaluation {
  void* model = nullptr;
  const void* x = nullptr;
  void* output = nullptr;
  double t = 0;
  /// With numbers the evaluation depends on t through them alone and is captured once; without, it
  /// is captured anew for every t.
  bool tabulated = false;
  std::span<const double> numbers;
  void (*evaluate)(const Evaluation& call, DeviceNumbers told) = nullptr;
};

class StepGraphs {
 public:
  /// From here to end_run, calls of states of this context are written down instead of done.
  explicit StepGraphs(const Context& context);
  StepGraphs(StepGraphs&&) noexcept;
  StepGraphs& operator=(StepGraphs&&) noexcept;
  ~StepGraphs();

  void add(const Evaluation& call);
  void end_step();
  /// Captures the graphs. Throws Error for a model whose work cannot be captured.
  void end_run();

  /// Does the whole run with the draws of `seed` from `first_sample` on, and waits for it. Throws
  /// Error naming the step after which a state was not finite.
  void run(std::uint64_t seed, std::uint32_t first_sample) const;

  /// Graphs that a run puts into the stream: one for each step and each check.
  [[nodiscard]] std::size_t launches() const;
  /// How many different ones they are.
  [[nodiscard]] std::size_t graphs() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace scoresde::cuda
