// SPDX-License-Identifier: MIT
/// The cross-entropy of logits and its gradient.
///
///   loss[n] = log Σ_c exp(ℓ[n, c]) − ℓ[n, label[n]],   ∂loss/∂ℓ = share·(softmax(ℓ) − e_label)
///
/// A warp computes one sample in double, as the host does (score/classifier_gradient.hpp).
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "kernels/block.hpp"

namespace scoresde::cuda {

/// `gradient` may alias `logits`: a lane reads the logits that it writes only. A logit that is not
/// finite makes the loss not finite.
struct CrossEntropyGradient {
  static constexpr unsigned threads = 128;
  static constexpr unsigned samples_of_block = threads / warp_size;

  unsigned samples, classes;
  const std::uint32_t* labels;
  double share;  ///< weight of a sample in the batch mean
  const float* logits;
  float* gradient;
  double* losses;

  [[nodiscard]] GridSize grid() const {
    return {(samples + samples_of_block - 1) / samples_of_block};
  }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    const unsigned n = block.index().x * samples_of_block + block.thread() / warp_size;
    if (n >= samples) return;  // all lanes of the warp
    const std::size_t first = std::size_t{n} * classes;
    double largest = -INFINITY, sum = 0;
    for (unsigned c = block.lane(); c < classes; c += warp_size)
      largest = larger(largest, static_cast<double>(logits[first + c]));
    for (unsigned mask = warp_size / 2; mask > 0; mask /= 2)
      largest = larger(largest, block.shuffle_xor(largest, mask));
    for (unsigned c = block.lane(); c < classes; c += warp_size)
      sum += std::exp(static_cast<double>(logits[first + c]) - largest);
    for (unsigned mask = warp_size / 2; mask > 0; mask /= 2) sum += block.shuffle_xor(sum, mask);
    const unsigned label = labels[n];
    for (unsigned c = block.lane(); c < classes; c += warp_size) {
      const double own = static_cast<double>(logits[first + c]) - largest;
      if (c == label) losses[n] = std::log(sum) - own;
      gradient[first + c] =
          static_cast<float>(share * (std::exp(own) / sum - (c == label ? 1.0 : 0.0)));
    }
  }

 private:
  static SCORESDE_DEVICE double larger(double a, double b) { return a > b ? a : b; }
};

}  // namespace scoresde::cuda
