// SPDX-License-Identifier: MIT
/// Bfloat16: the upper half of a float32, in which the network keeps its activations.
///
///   value = (−1)^s · 2^(e − 127) · (1 + m/2⁷)     8 bits of exponent, 7 of fraction
///
/// Conversion rounds to nearest, ties to even, as the hardware's cvt.rn does, with the same bits on
/// host and device; every NaN becomes 0x7fff. Arithmetic is float's.
#pragma once

#include <cstdint>

#include <scoresde/host_device.hpp>
#include <scoresde/noise/normal.hpp>

namespace scoresde::cuda {

struct Bfloat16 {
  std::uint16_t bits = 0;
  constexpr bool operator==(const Bfloat16&) const = default;
};

/// Two values, the first in the lower half of the word.
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE std::uint32_t bfloat16_pair(float low, float high) {
#if defined(__CUDA_ARCH__)
  std::uint32_t word;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
  return word;
#else
  const auto rounded = [](float value) -> std::uint32_t {
    const std::uint32_t bits = detail::bits_of_float(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return 0x7fff;
    return (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  };
  return rounded(low) | rounded(high) << 16;
#endif
}

SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE float to_float(Bfloat16 value) {
  return detail::float_from_bits(std::uint32_t{value.bits} << 16);
}
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE float to_float(float value) { return value; }

/// `value` in the type T of an activation, float or Bfloat16.
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
