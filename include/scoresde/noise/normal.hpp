// SPDX-License-Identifier: MIT
/// Standard normals from random words, bit-identical on every compiler and device.
///
///   u = (⌊b₀/2⌋ + ½)·2⁻³¹ ∈ (0, 1],   θ = 2π·b₁/2³²,   (z₀, z₁) = √(−2 ln u)·(cos θ, sin θ)
///
/// Box and Muller 1958. Every multiply-add is an explicit fma and no bare a·b + c remains, so the
/// result does not depend on contraction. Logarithm, sine, cosine and square root are polynomials
/// and Newton steps implemented here, because library versions differ in their last bits. The
/// relative accuracy is about 2⁻²²; |z| ≤ 6.67.
#pragma once

#include <bit>
#include <cstdint>

#include <scoresde/fma.hpp>
#include <scoresde/host_device.hpp>

#if defined(__FAST_MATH__)
#error "scoresde's noise must be bit-identical: compile without -ffast-math"
#endif

namespace scoresde {

SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE float float_from_bits(std::uint32_t bits) {
#if defined(__CUDA_ARCH__)
  return __uint_as_float(bits);
#else
  return std::bit_cast<float>(bits);
#endif
}

SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE std::uint32_t bits_of_float(float value) {
#if defined(__CUDA_ARCH__)
  return __float_as_uint(value);
#else
  return std::bit_cast<std::uint32_t>(value);
#endif
}

/// ln u for u in (0, 1]: u = m·2ᵉ with m in [√½, √2), ln m = f − f²/2 + f³ P(f), f = m − 1.
/// P is a minimax fit of degree 6 (3·10⁻⁸ relative).
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE float natural_log(float u) {
  const std::uint32_t bits = bits_of_float(u);
  const auto exponent = static_cast<std::int32_t>(bits - 0x3f3504f3u) >> 23;
  const float f = float_from_bits(bits - (static_cast<std::uint32_t>(exponent) << 23)) - 1.0f;
  const auto e = static_cast<float>(exponent);
  float p = 0x1.6d45d2p-4f;
  p = fma(p, f, -0x1.25e462p-3f);
  p = fma(p, f, 0x1.30ae4p-3f);
  p = fma(p, f, -0x1.5343a2p-3f);
  p = fma(p, f, 0x1.98e42ep-3f);
  p = fma(p, f, -0x1.000494p-2f);
  p = fma(p, f, 0x1.5556b6p-2f);
  p = fma(p, f, -0.5f);
  const float square = f * f;
  // ln 2 in two parts: the first has so few bits that e·hi is exact.
  const float tail = fma(e, 0x1.7f7d1cp-20f, square * p);
  return fma(e, 0x1.62e4p-1f, f + tail);
}

/// √w for w in [0, 64]: a bit-trick initial guess, three Newton steps for 1/√w and a final
/// correction. std::sqrt, which may set errno, or an inner loop would prevent the enclosing loop
/// from being vectorized.
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE float square_root(float w) {
  const float half = 0.5f * w;
  float y = float_from_bits(0x5f375a86u - (bits_of_float(w) >> 1));
  y = y * fma(-(half * y), y, 1.5f);
  y = y * fma(-(half * y), y, 1.5f);
  y = y * fma(-(half * y), y, 1.5f);
  const float s = w * y;
  return fma(fma(-s, s, w), 0.5f * y, s);
}

/// (cos θ, sin θ) for θ = 2π·turn/2³²: exact reduction to the nearest quarter turn, then
/// polynomials in x = 4·rest ∈ [−½, ½] (minimax fits, 3·10⁻⁹ and 5·10⁻¹¹).
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE void cos_sin_of_turn(std::uint32_t turn, float& cosine,
                                                                 float& sine) {
  const std::uint32_t quarter = (turn + 0x20000000u) >> 30;
  const float x = static_cast<float>(static_cast<std::int32_t>(turn - (quarter << 30))) * 0x1p-30f;
  const float y = x * x;
  float s = -0x1.2d9bc4p-8f;
  s = fma(s, y, 0x1.465ec6p-4f);
  s = fma(s, y, -0x1.4abbbap-1f);
  s = fma(s, y, 0x1.921fb6p+0f);
  s = s * x;
  float c = 0x1.d9c364p-11f;
  c = fma(c, y, -0x1.55c57cp-6f);
  c = fma(c, y, 0x1.03c1dcp-2f);
  c = fma(c, y, -0x1.3bd3ccp+0f);
  c = fma(c, y, 1.0f);
  const std::uint32_t swap = 0u - (quarter & 1u);
  const std::uint32_t cb = bits_of_float(c);
  const std::uint32_t sb = bits_of_float(s);
  const std::uint32_t first = (cb & ~swap) | (sb & swap);
  const std::uint32_t second = (sb & ~swap) | (cb & swap);
  cosine = float_from_bits(first ^ (((quarter + 1u) & 2u) << 30));
  sine = float_from_bits(second ^ ((quarter & 2u) << 30));
}

/// Two independent N(0, 1) numbers from two random words.
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE void box_muller(std::uint32_t b0, std::uint32_t b1,
                                                            float& z0, float& z1) {
  const float u = fma(static_cast<float>(static_cast<std::int32_t>(b0 >> 1)), 0x1p-31f, 0x1p-32f);
  const float radius = square_root(-2.0f * natural_log(u));
  float cosine = 0, sine = 0;
  cos_sin_of_turn(b1, cosine, sine);
  z0 = radius * cosine;
  z1 = radius * sine;
}

}  // namespace scoresde
