// SPDX-License-Identifier: MIT
/// TrainingPlan: the buffers and the CUDA graph of training steps of one batch size.
///
/// Times and everything that SDE, loss and label convention derive from them are computed on the
/// host for some steps ahead and uploaded as a table: row n holds the parameters and the class of
/// every sample of a step (StepTable).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <tuple>
#include <vector>

#include <scoresde/cuda/context.hpp>
#include <scoresde/cuda/detail/training_kernels.hpp>
#include <scoresde/cuda/device_memory.hpp>
#include <scoresde/cuda/graph.hpp>
#include <scoresde/cuda/network_memory.hpp>
#include <scoresde/state/backend.hpp>

namespace scoresde::cuda::detail {

/// Per-sample parameters, in the order of a row: the coefficients of the residual, the network's
/// conditioning (with 1/σ if its output is divided by σ), and the scale of its input.
enum class SampleField : std::size_t {
  mean,
  std,
  state,
  output,
  weight,
  label,
  factor,
  input_scale,
  count
};
using PerSampleCoefficients = std::array<double, static_cast<std::size_t>(SampleField::count)>;

class TrainingPlan {
  static constexpr std::size_t fields = std::tuple_size_v<PerSampleCoefficients>;

 public:
  /// For batches of `samples` of dimension `dim`, evaluated by a network of `outputs` per sample
  /// `part` at a time, and tables of `rows` steps. Throws Error as Context::allocate does.
  TrainingPlan(const Context& context, std::size_t samples, std::size_t part, std::size_t dim,
               std::size_t outputs, std::size_t rows)
      : samples_(samples),
        part_(std::min(samples, part)),
        dim_(dim),
        rows_(rows),
        host_table_(rows * row_length()),
        table_(context, host_table_.size() * sizeof(double)),
        numbers_(context, fields * samples * sizeof(double)),
        classes_(context, samples * sizeof(std::uint32_t)),
        losses_(context, samples * sizeof(double)),
        images_(context, samples * dim),
        perturbed_(context, part_ * dim),
        scaled_(context, part_ * dim),
        output_(context, part_ * outputs) {}

  [[nodiscard]] std::size_t samples() const { return samples_; }
  [[nodiscard]] std::size_t part() const { return part_; }
  [[nodiscard]] Extents part_extents() const { return {part_, dim_}; }

  /// Whether the table has the row of step `step`.
  [[nodiscard]] bool holds(std::uint64_t step) const {
    return filled_ && step >= first_ && step - first_ < rows_;
  }
  void forget_rows() { filled_ = false; }

  /// Fills rows from step `first` on: classes_of(step) returns the class of each sample, then
  /// numbers_of(step, k) the parameters of sample k.
  template <class ClassesOf, class NumbersOf>
  void fill_rows(std::uint64_t first, const ClassesOf& classes_of, const NumbersOf& numbers_of) {
    forget_rows();
    for (std::uint64_t step = first; step < first + rows_; ++step) {
      double* const row =
          host_table_.data() + static_cast<std::size_t>(step % rows_) * row_length();
      const std::span<const std::uint32_t> classes = classes_of(step);
      for (std::size_t k = 0; k < samples_; ++k) {
        const PerSampleCoefficients numbers = numbers_of(step, k);
        for (std::size_t f = 0; f < fields; ++f) row[f * samples_ + k] = numbers[f];
      }
      std::copy(classes.begin(), classes.end(), row + fields * samples_);
    }
    table_.context().copy_to_device(table_.data(), host_table_.data(), table_.bytes());
    first_ = first;
    filled_ = true;
  }

  /// The first kernel of a step: copies its row to the buffer that the other kernels read.
  void load_step_parameters(const std::uint64_t* step) {
    training_row(table_.context(), {.values = table_.data<double>(),
                                    .step = step,
                                    .rows = static_cast<std::uint32_t>(rows_),
                                    .fields = static_cast<std::uint32_t>(fields),
                                    .samples = static_cast<std::uint32_t>(samples_),
                                    .numbers = numbers_.data<double>(),
                                    .classes = classes_.data<std::uint32_t>()});
  }
  /// A field of the samples from `first` on; all pointers below are device memory.
  [[nodiscard]] const double* numbers(SampleField field, std::size_t first) const {
    return numbers_.data<double>() + static_cast<std::size_t>(field) * samples_ + first;
  }
  [[nodiscard]] const std::uint32_t* classes(std::size_t first) const {
    return classes_.data<std::uint32_t>() + first;
  }
  [[nodiscard]] double* losses(std::size_t first) const { return losses_.data<double>() + first; }
  [[nodiscard]] float* images(std::size_t first) { return images_.data() + first * dim_; }
  [[nodiscard]] float* perturbed() { return perturbed_.data(); }
  [[nodiscard]] float* scaled() { return scaled_.data(); }
  /// F for a part of the batch, then the loss gradient with respect to it.
  [[nodiscard]] std::span<float> output() { return output_.span(); }

  /// Executes `work` directly the first time, to allocate memory and build plans, and later replays
  /// it as a graph unless `captures` is false.
  template <class Work>
  void run(const Work& work, bool captures) {
    if (!captures || !warm_) {
      work();
      warm_ = true;
      return;
    }
    if (!graph_) graph_.emplace(table_.context(), work);
    graph_->launch();
  }

 private:
  [[nodiscard]] std::size_t row_length() const { return (fields + 1) * samples_; }

  std::size_t samples_, part_, dim_, rows_;
  std::vector<double> host_table_;
  DeviceMemory table_, numbers_, classes_, losses_;
  FloatBuffer images_, perturbed_, scaled_, output_;
  std::optional<Graph> graph_;
  std::uint64_t first_ = 0;
  bool filled_ = false, warm_ = false;
};

}  // namespace scoresde::cuda::detail
