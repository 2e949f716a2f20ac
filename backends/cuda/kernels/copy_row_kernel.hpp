// SPDX-License-Identifier: MIT
/// Copies per-step numbers to the buffer that a model reads.
#pragma once

#include "kernels/step_row.hpp"

namespace scoresde::cuda {

/// to[i] ← number i of the row, i < count.
struct CopyRowKernel {
  static constexpr unsigned threads = 32;

  StepRow row;
  double* to;
  unsigned count;

  [[nodiscard]] GridSize grid() const { return {}; }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    for (unsigned i = block.thread(); i < count; i += threads) to[i] = row[i];
  }
};

}  // namespace scoresde::cuda
