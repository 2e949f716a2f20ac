// SPDX-License-Identifier: MIT
/// Per-step numbers that captured kernels read from device memory: a table with one row per step of
/// a run.
///
///   row = table + step·stride + offset
///
/// A CUDA graph replays kernels with the arguments of the capture. What changes between steps
/// (coefficients, draw index) and between runs (seed, first sample) is therefore stored in memory,
/// and one graph serves all steps of its kind.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include <scoresde/noise/noise.hpp>

#include "kernels/block.hpp"

namespace scoresde::cuda {

/// State of a replayed run: its noise and the current step.
struct RunState {
  std::uint64_t seed = 0;
  std::uint32_t first_sample = 0;
  std::uint32_t step = 0;
};

/// The numbers of a captured call in the table; a null table means that they are passed as
/// arguments. Without a run the table has one row.
struct StepRow {
  const double* table = nullptr;
  const RunState* run = nullptr;
  std::size_t stride = 0, offset = 0;

  [[nodiscard]] SCORESDE_DEVICE bool given() const { return table != nullptr; }
  /// Number i of this call in the current step.
  [[nodiscard]] SCORESDE_DEVICE double operator[](std::size_t i) const {
    return table[(run != nullptr ? run->step * stride : 0) + offset + i];
  }
  [[nodiscard]] constexpr StepRow after(std::size_t numbers) const {
    return {table, run, stride, offset + numbers};
  }
};

/// The draw of a call: by value, or with its index in number `place` of the row.
struct DrawSource {
  NoiseDraw draw;
  StepRow row;
  unsigned place = 0;

  [[nodiscard]] SCORESDE_DEVICE NoiseDraw get() const {
    if (!row.given()) return draw;
    return {row.run->seed, index_of(row[place]), row.run->first_sample};
  }

  /// A draw index stored as the bit pattern of a double in the table.
  [[nodiscard]] static SCORESDE_DEVICE std::uint64_t index_of(double number) {
#if defined(__CUDA_ARCH__)
    return static_cast<std::uint64_t>(__double_as_longlong(number));
#else
    return std::bit_cast<std::uint64_t>(number);
#endif
  }
};

/// The last kernel of a step: increments the step counter.
struct AdvanceKernel {
  static constexpr unsigned threads = 32;
  RunState* run;

  [[nodiscard]] GridSize grid() const { return {}; }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    if (block.thread() == 0) ++run->step;
  }
};

}  // namespace scoresde::cuda
