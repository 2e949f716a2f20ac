// SPDX-License-Identifier: MIT
/// Copies the per-sample parameters of a training step from a table of many steps to the buffer
/// that the step's kernels read.
///
/// A captured step selects its row by the step counter, so one graph serves all steps.
#pragma once

#include <cstddef>
#include <cstdint>

#include <scoresde/cuda/detail/training_arguments.hpp>

#include "kernels/block.hpp"

namespace scoresde::cuda {

struct TrainingRow {
  static constexpr unsigned threads = 256;

  detail::StepTable table;

  [[nodiscard]] GridSize grid() const { return {(length() + threads - 1) / threads}; }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    const std::uint32_t i = thread_of_row<threads>(block);
    if (i >= length()) return;
    const double number =
        table.values[static_cast<std::size_t>(*table.step % table.rows) * length() + i];
    const std::uint32_t count = table.fields * table.samples;
    if (i < count)
      table.numbers[i] = number;
    else
      table.classes[i - count] = static_cast<std::uint32_t>(number);
  }

 private:
  SCORESDE_HOST_DEVICE std::uint32_t length() const { return (table.fields + 1) * table.samples; }
};

}  // namespace scoresde::cuda
