// SPDX-License-Identifier: MIT
/// Langevin step sizes on the device: from ‖∇log p_t(x)‖ and ‖z‖ of every sample to the
/// coefficients of its update.
///
///   ε, c ← rule(‖∇log p_t(x)‖, ‖z‖),   x ← (1 + ε p)·x + (ε q)·F + c·z
///   per sample or with the norms' means over the batch
///
/// Nothing is copied to the host, so a corrector step can be captured in a CUDA graph.
#pragma once

#include <cstddef>

#include <scoresde/corrector/langevin.hpp>
#include <scoresde/fma.hpp>

#include "kernels/block_sum.hpp"
#include "kernels/step_row.hpp"

namespace scoresde::cuda {

/// One block. `norms` holds ‖p·x + q·F‖ of every sample, then ‖z‖ of every sample. Writes the
/// per-sample coefficients of AssignKernel: coefficients[3·samples] for x, F and z. The row holds
/// p, q, snr and scale.
struct LangevinKernel {
  static constexpr unsigned threads = 256;

  const double* norms;
  unsigned samples;
  double p, q;
  LangevinRule rule;
  bool batch_mean;
  StepRow row;
  double* coefficients;

  [[nodiscard]] GridSize grid() const { return {}; }
  [[nodiscard]] unsigned shared_bytes() const { return shared_size<double>(threads / warp_size); }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    auto scratch = block.template shared<double>(threads / warp_size);
    Norms mean{};
    if (batch_mean) {
      for (unsigned k = block.thread(); k < samples; k += threads) {
        mean.score += norms[k];
        mean.noise += norms[samples + k];
      }
      mean.score = block_sum(block, mean.score, scratch) / samples;
      mean.noise = block_sum(block, mean.noise, scratch) / samples;
    }
    for (unsigned k = block.thread(); k < samples; k += threads)
      write(k, batch_mean ? mean : Norms{norms[k], norms[samples + k]});
  }

 private:
  SCORESDE_DEVICE void write(unsigned k, Norms used) const {
    const bool given = row.given();
    const LangevinRule now = given ? LangevinRule{row[2], row[3], rule.smallest} : rule;
    const StepCoefficients step = now(used);
    coefficients[k] = scoresde::fma(step.score, given ? row[0] : p, step.state);
    coefficients[samples + k] = step.score * (given ? row[1] : q);
    coefficients[2 * std::size_t{samples} + k] = step.noise;
  }
};

}  // namespace scoresde::cuda
