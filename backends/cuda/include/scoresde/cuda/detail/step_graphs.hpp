// SPDX-License-Identifier: MIT
/// StepGraphs: a run of many steps as a few CUDA graphs and a table of per-step numbers.
///
/// The coefficients of a fixed-step sampler are known before the run, so the sampler is first
/// executed without the device and its operations are recorded step by step. Steps with the same
/// operations on the same memory become one graph whose kernels read coefficients and draw indices
/// from the step's row of the table. Used by CapturedSampler, which user code should use instead.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include <scoresde/cuda/context.hpp>
#include <scoresde/cuda/device_memory.hpp>

namespace scoresde::cuda::detail {

/// A recorded model evaluation.
struct Evaluation {
  void* model = nullptr;
  const void* x = nullptr;
  void* output = nullptr;
  double t = 0;
  /// If set, the evaluation depends on t only through `numbers` and is captured once; otherwise it
  /// is captured for every t.
  bool tabulated = false;
  std::span<const double> numbers;
  void (*evaluate)(const Evaluation& call, DeviceCoefficients conditioning) = nullptr;
};

class StepGraphs {
 public:
  /// Until end_run, operations on states of this context are recorded instead of executed.
  explicit StepGraphs(const Context& context);
  StepGraphs(StepGraphs&&) noexcept;
  StepGraphs& operator=(StepGraphs&&) noexcept;
  ~StepGraphs();

  void add(const Evaluation& call);
  void end_step();
  /// Captures the graphs. Throws Error if the model's work cannot be captured.
  void end_run();

  /// Executes the whole run with draws of `seed` from `first_sample` on, and waits for it. Throws
  /// Error with the step after which a state was not finite.
  void run(std::uint64_t seed, std::uint32_t first_sample) const;

  /// Graph launches per run: one per step and check.
  [[nodiscard]] std::size_t launches() const;
  /// Number of distinct graphs.
  [[nodiscard]] std::size_t graphs() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace scoresde::cuda::detail
