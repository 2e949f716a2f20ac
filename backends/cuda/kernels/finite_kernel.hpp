// SPDX-License-Identifier: MIT
/// Finite check of a captured run; the host reads the flag after the replay.
#pragma once

#include "kernels/block.hpp"
#include "kernels/step_row.hpp"

namespace scoresde::cuda {

/// flags[number 0 of the row] ← 1 + the first sample k whose values[k] is not finite, if any.
struct FiniteKernel {
  static constexpr unsigned threads = 256;

  const double* values;
  unsigned samples;
  StepRow row;
  unsigned* flags;

  [[nodiscard]] GridSize grid() const { return {}; }
  [[nodiscard]] unsigned shared_bytes() const { return shared_size<unsigned>(threads / warp_size); }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    auto scratch = block.template shared<unsigned>(threads / warp_size);
    unsigned first = samples;
    for (unsigned k = block.thread(); k < samples && first == samples; k += threads)
      if (!(values[k] - values[k] == 0)) first = k;
    for (unsigned mask = warp_size / 2; mask > 0; mask /= 2)
      first = smaller(first, block.shuffle_xor(first, mask));
    if (block.lane() == 0) scratch[block.warp()] = first;
    block.sync();
    if (block.thread() > 0) return;
    for (unsigned warp = 1; warp < threads / warp_size; ++warp)
      first = smaller(first, scratch[warp]);
    if (first < samples) flags[static_cast<unsigned>(row[0])] = first + 1;
  }

 private:
  static SCORESDE_DEVICE unsigned smaller(unsigned a, unsigned b) { return a < b ? a : b; }
};

}  // namespace scoresde::cuda
