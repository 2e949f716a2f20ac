// SPDX-License-Identifier: MIT
/// Bfloat16: the upper half of a float32, the storage type of activations.
///
///   value = (−1)^s · 2^(e − 127) · (1 + m/2⁷)     8 exponent bits, 7 fraction bits
///
/// Conversion rounds to nearest, ties to even, like the hardware's cvt.rn; host and device are
/// bit-identical. Every NaN becomes 0x7fff. Arithmetic is done in float.
#pragma once

#include <cstdint>

#include <scoresde/host_device.hpp>
#include <scoresde/noise/normal.hpp>

namespace scoresde::cuda {

struct Bfloat16 {
  std::uint16_t bits = 0;
  constexpr bool operator==(const Bfloat16&) const = default;
};

/// Packs two values into a word, `low` in the lower half.
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE std::uint32_t bfloat16_pair(float low, float high) {
#if defined(__CUDA_ARCH__)
  std::uint32_t word;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
  return word;
#else
  const auto rounded = [](float value) -> std::uint32_t {
    const std::uint32_t bits = scoresde::bits_of_float(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return 0x7fff;
    return (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  };
  return rounded(low) | rounded(high) << 16;
#endif
}

SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE float to_float(Bfloat16 value) {
  return scoresde::float_from_bits(std::uint32_t{value.bits} << 16);
}
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE float to_float(float value) { return value; }

/// Converts `value` to the activation type T, float or Bfloat16.
template <class T>
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE T from_float(float value);
template <>
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE float from_float<float>(float value) {
  return value;
}
template <>
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE Bfloat16 from_float<Bfloat16>(float value) {
  return {static_cast<std::uint16_t>(bfloat16_pair(value, 0.0f))};
}

}  // namespace scoresde::cuda
