// SPDX-License-Identifier: MIT
/// TrainingMemory: the state of a training run in device memory, and the outcomes of its steps.
///
///   flat float buffers of the same layout: parameters, average, first and second moment, gradient
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <scoresde/cuda/context.hpp>
#include <scoresde/cuda/detail/training_kernels.hpp>
#include <scoresde/cuda/device_memory.hpp>
#include <scoresde/cuda/network_memory.hpp>
#include <scoresde/train/training_state.hpp>

namespace scoresde::cuda::detail {

class TrainingMemory {
 public:
  /// Number of latest steps whose outcomes are kept.
  static constexpr std::size_t outcomes_kept = 256;

  /// For `count` parameters. Throws Error as Context::allocate does.
  TrainingMemory(const Context& context, std::size_t count)
      : parameters_(context, count),
        average_(context, count),
        first_moment_(context, count),
        second_moment_(context, count),
        gradient_(context, count),
        partial_(context, gradient_norm_scratch(count) * sizeof(double)),
        step_(context, sizeof(std::uint64_t)),
        coefficients_(context, coefficient_bytes),
        outcome_(context, sizeof(StepOutcome)),
        kept_(context, outcomes_kept * sizeof(StepOutcome)) {}

  [[nodiscard]] const Context& context() const { return parameters_.context(); }
  [[nodiscard]] std::span<const float> parameters() const { return parameters_.span(); }
  [[nodiscard]] std::span<const float> average() const { return average_.span(); }
  /// Zero between steps.
  [[nodiscard]] std::span<float> gradient() { return gradient_.span(); }
  /// Number of updates, in device memory.
  [[nodiscard]] const std::uint64_t* step() const { return step_.data<std::uint64_t>(); }
  [[nodiscard]] DeviceParameters update_arguments() {
    return {.count = gradient_.size(),
            .parameters = parameters_.data(),
            .first_moment = first_moment_.data(),
            .second_moment = second_moment_.data(),
            .average = average_.data(),
            .gradient = gradient_.data(),
            .cast = nullptr,
            .partial = partial_.data<double>(),
            .step = step_.data<std::uint64_t>(),
            .coefficients = coefficients_.data(),
            .outcome = outcome_.data<StepOutcome>()};
  }

  /// Outcome of the last step, or of the one that exceeded the limit of skipped steps. Waits for
  /// all enqueued steps.
  [[nodiscard]] StepOutcome outcome() const {
    StepOutcome outcome;
    context().copy_to_host(&outcome, outcome_.data(), sizeof(outcome));
    return outcome;
  }

  /// Enqueues a copy of the outcome of step `step`, the latest, to the ring of kept outcomes.
  void keep_outcome(std::uint64_t step) {
    context().copy_on_device(kept_.data<StepOutcome>() + step % outcomes_kept, outcome_.data(),
                             sizeof(StepOutcome));
  }
  /// Outcomes of steps first to last − 1, which must still be kept. Waits for all enqueued steps.
  [[nodiscard]] std::vector<StepOutcome> outcomes(std::uint64_t first, std::uint64_t last) const {
    std::vector<StepOutcome> ring(outcomes_kept), outcomes;
    context().copy_to_host(ring.data(), kept_.data(), ring.size() * sizeof(StepOutcome));
    for (; first < last; ++first) outcomes.push_back(ring[first % outcomes_kept]);
    return outcomes;
  }

  /// Sets the number of the next step and clears any failure.
  void begin_at(std::uint64_t step) {
    const StepOutcome start{.updates = step};
    context().copy_to_device(step_.data(), &step, sizeof(step));
    context().copy_to_device(outcome_.data(), &start, sizeof(start));
  }

  /// Uploads a state with the same number of parameters.
  void write(const TrainingState<float>& state) {
    write(parameters_, state.parameters);
    write(average_, state.average);
    write(first_moment_, state.first_moment);
    write(second_moment_, state.second_moment);
  }
  /// Downloads the state. Waits for all enqueued steps, `step` in total.
  [[nodiscard]] TrainingState<float> read(std::uint64_t step) const {
    return {.parameters = read(parameters_),
            .average = read(average_),
            .first_moment = read(first_moment_),
            .second_moment = read(second_moment_),
            .tracks = {},
            .step = step};
  }

 private:
  static void write(FloatBuffer& to, const std::vector<float>& from) {
    to.context().copy_to_device(to.data(), from.data(), from.size() * sizeof(float));
  }
  static std::vector<float> read(const FloatBuffer& from) {
    std::vector<float> to(from.size());
    from.context().copy_to_host(to.data(), from.data(), to.size() * sizeof(float));
    return to;
  }

  FloatBuffer parameters_, average_, first_moment_, second_moment_, gradient_;
  DeviceMemory partial_, step_, coefficients_, outcome_, kept_;
};

}  // namespace scoresde::cuda::detail
