// SPDX-License-Identifier: MIT
/// Copies the per-sample parameters of a training step from a table of many steps to the buffer
/// that the step's kernels read.
///
///   row = table + (step mod rows)·(fields·samples + samples)
///
/// A row holds `fields` numbers per sample, field by field, then the class of each sample. A
/// captured step selects its row by the step counter, so one graph serves all steps.
#pragma once

#include <cstddef>
#include <cstdint>

#include <scoresde/cuda/kernels/block.hpp>

namespace scoresde::cuda {

struct TrainingRow {
  static constexpr unsigned threads = 256;

  const double* table;
  const std::uint64_t* step;  ///< device memory
  std::uint32_t rows, fields, samples;
  double* numbers;         ///< fields·samples
  std::uint32_t* classes;  ///< samples

  [[nodiscard]] GridSize grid() const { return {(length() + threads - 1) / threads}; }
  [[nodiscard]] unsigned shared_bytes() const { return 0; }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    const std::uint32_t i = block.index().x * threads + block.thread();
    if (i >= length()) return;
    const double number = table[static_cast<std::size_t>(*step % rows) * length() + i];
    const std::uint32_t count = fields * samples;
    if (i < count)
      numbers[i] = number;
    else
      classes[i - count] = static_cast<std::uint32_t>(number);
  }

 private:
  SCORESDE_HOST_DEVICE std::uint32_t length() const { return (fields + 1) * samples; }
};

}  // namespace scoresde::cuda
