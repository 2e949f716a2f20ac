// SPDX-License-Identifier: MIT
/// Precision: the storage type of activations and the arithmetic of their products.
#pragma once

#include <cstddef>

namespace scoresde::cuda {

/// Products are accumulated in float32 in all cases.
///   bf16  bfloat16, on tensor cores
///   tf32  float32; tensor cores round factors to 10 fraction bits
///   fp32  float32
enum class Precision { bf16, tf32, fp32 };

/// Bytes per activation.
[[nodiscard]] constexpr std::size_t element_size(Precision precision) {
  return precision == Precision::bf16 ? 2 : 4;
}

/// Rounds up to a multiple of 16 bytes of channels. cuDNN repacks tensors of other widths, such as
/// 3 channels; zeros in the padding channels of x and W give zeros in those of dW.
[[nodiscard]] constexpr std::size_t aligned_channels(std::size_t channels, Precision precision) {
  const std::size_t multiple = 16 / element_size(precision);
  return (channels + multiple - 1) / multiple * multiple;
}

}  // namespace scoresde::cuda
