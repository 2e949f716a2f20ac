// SPDX-License-Identifier: MIT
/// Precision: what activations are stored as, and how products of them are computed.
#pragma once

#include <cstddef>

namespace scoresde::cuda {

/// Sums are float32's in all of them.
///   bf16  bfloat16, on tensor cores
///   tf32  float32; tensor cores round the factors to 10 bits of fraction
///   fp32  float32
enum class Precision { bf16, tf32, fp32 };

/// Bytes of an activation.
[[nodiscard]] constexpr std::size_t element_size(Precision precision) {
  return precision == Precision::bf16 ? 2 : 4;
}

/// The least multiple of 16 bytes of channels. cuDNN copies tensors of other widths, 3 channels for
/// example, to and fro; zeros in the added channels of x and W give zeros in those of dW.
[[nodiscard]] constexpr std::size_t aligned_channels(std::size_t channels, Precision precision) {
  const std::size_t multiple = 16 / element_size(precision);
  return (channels + multiple - 1) / multiple * multiple;
}

}  // namespace scoresde::cuda
