// SPDX-License-Identifier: MIT
/// Numbers of a step that a captured kernel reads where it runs: a row of a table, one for each
/// step of a run.
///
///   row = table + step·stride + offset
///
/// A CUDA graph replays kernels with the arguments they were captured with. What changes from step
/// to step (coefficients, the index of a draw) and from run to run (seed, first sample) therefore
/// lies in memory, and one graph serves every step of its kind.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include <scoresde/cuda/kernels/block.hpp>
#include <scoresde/noise/noise.hpp>

namespace scoresde::cuda {

/// What a whole run changes: which noise it draws, and which step it is at.
struct RunState {
  std::uint64_t seed = 0;
  std::uint32_t first_sample = 0;
  std::uint32_t step = 0;
};

/// Where a captured call finds its numbers; a null table says that they are its arguments. Without
/// a run there is one row.
struct StepRow {
  const double* table = nullptr;
  const RunState* run = nullptr;
  std::size_t stride = 0, offset = 0;

  [[nodiscard]] SCORESDE_DEVICE bool given() const { return table != nullptr; }
  /// Number i of this call in the present step.
  [[nodiscard]] SCORESDE_DEVICE double operator[](std::size_t i) const {
    return table[(run != nullptr ? run->step * stride : 0) + offset + i];
  }
  [[nodiscard]] constexpr StepRow after(std::size_t numbers) const {
    return {table, run, stride, offset + numbers};
  }
};

/// A draw as a call is given it: by value, or with its index at `place` of the row.
struct DrawSource {
  NoiseDraw draw;
  StepRow row;
  unsigned place = 0;

  [[nodiscard]] SCORESDE_DEVICE NoiseDraw get() const {
    if (!row.given()) return draw;
    return {row.run->seed, index_of(row[place]), row.run->first_sample};
  }

  /// An index as a number of the table: its 64 bits, whatever they mean as a double.
  [[nodiscard]] static SCORESDE_DEVICE std::uint64_t index_of(double number) {
#if defined(__CUDA_ARCH__)
    return static_cast<std::uint64_t>(__double_as_longlong(number));
#else
    return std::bit_cast<std::uint64_t>(number);
#endif
  }
};

/// The last kernel of a step: the next one begins.
struct AdvanceKernel {
  static constexpr unsigned threads = 32;
  RunState* run;

  [[nodiscard]] GridSize grid() const { return {}; }
  [[nodiscard]] unsigned shared_bytes() const { return 0; }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    if (block.thread() == 0) ++run->step;
  }
};

}  // namespace scoresde::cuda
