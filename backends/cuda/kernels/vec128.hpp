// SPDX-License-Identifier: MIT
/// 128-bit vectorized access to activations.
///
///   8 Bfloat16 or 4 float per access; arithmetic is done in float, on `VecF32`
///
/// A vector is whole if all its elements exist and its address is 16-byte aligned. Other vectors
/// are loaded and stored element by element, with zeros for missing elements.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <scoresde/cuda/bfloat16.hpp>
#include <scoresde/host_device.hpp>

// Unrolls the following loop on the device; no effect on the host.
#if defined(__CUDA_ARCH__)
#define SCORESDE_PRAGMA(text) _Pragma(#text)
#define SCORESDE_UNROLL(times) SCORESDE_PRAGMA(unroll times)
#else
#define SCORESDE_UNROLL(times)
#endif

namespace scoresde::cuda {

/// Elements per 128-bit vector.
template <class T>
inline constexpr unsigned lanes = 16 / sizeof(T);

/// The elements of a vector in float.
template <class T>
struct VecF32 {
  float value[lanes<T>];
  SCORESDE_HOST_DEVICE float& operator[](unsigned i) { return value[i]; }
  SCORESDE_HOST_DEVICE float operator[](unsigned i) const { return value[i]; }
};

template <class T>
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE void add(VecF32<T>& sum, const VecF32<T>& values) {
  for (unsigned i = 0; i < lanes<T>; ++i) sum[i] += values[i];
}
template <class T>
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE VecF32<T> operator-(VecF32<T> a, const VecF32<T>& b) {
  for (unsigned i = 0; i < lanes<T>; ++i) a[i] -= b[i];
  return a;
}
template <class T>
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE VecF32<T> operator*(VecF32<T> a, const VecF32<T>& b) {
  for (unsigned i = 0; i < lanes<T>; ++i) a[i] *= b[i];
  return a;
}

/// The storage of a vector.
struct alignas(16) Vec128 {
  std::uint32_t word[4];
};

template <class T>
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE VecF32<T> unpack(const Vec128& vec) {
  VecF32<T> out;
  for (unsigned i = 0; i < 4; ++i)
    if constexpr (sizeof(T) == 2) {
      out[2 * i] = scoresde::float_from_bits(vec.word[i] << 16);
      out[2 * i + 1] = scoresde::float_from_bits(vec.word[i] & 0xffff0000u);
    } else {
      out[i] = scoresde::float_from_bits(vec.word[i]);
    }
  return out;
}

template <class T>
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE Vec128 pack(const VecF32<T>& values) {
  Vec128 out;
  for (unsigned i = 0; i < 4; ++i)
    if constexpr (sizeof(T) == 2)
      out.word[i] = bfloat16_pair(values[2 * i], values[2 * i + 1]);
    else
      out.word[i] = scoresde::bits_of_float(values[i]);
  return out;
}

/// One aligned 128-bit load; host code copies to respect strict aliasing.
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE Vec128 read_vec(const void* from) {
#if defined(__CUDA_ARCH__)
  return *static_cast<const Vec128*>(from);
#else
  Vec128 vec;
  std::memcpy(&vec, from, sizeof(vec));
  return vec;
#endif
}
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE void write_vec(void* to, const Vec128& vec) {
#if defined(__CUDA_ARCH__)
  *static_cast<Vec128*>(to) = vec;
#else
  std::memcpy(to, &vec, sizeof(vec));
#endif
}

/// Extent of an access: the whole vector, or its first `count` elements one by one.
struct FullVec {};
struct PartialVec {
  unsigned count;
};

/// Calls body(FullVec) or body(PartialVec). Placed outside a loop, it keeps branches from
/// separating the loop's loads.
template <class Body>
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE void with_extent(bool whole, unsigned count,
                                                             const Body& body) {
  if (whole)
    body(FullVec{});
  else
    body(PartialVec{count});
}

template <class T>
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE Vec128 load_vec(const T* from, FullVec) {
  return read_vec(from);
}
template <class T>
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE Vec128 load_vec(const T* from, PartialVec part) {
  VecF32<T> values;
  for (unsigned i = 0; i < lanes<T>; ++i) values[i] = i < part.count ? to_float(from[i]) : 0.0f;
  return pack<T>(values);
}
template <class T, class Extent>
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE VecF32<T> load(const T* from, Extent extent) {
  return unpack<T>(load_vec(from, extent));
}

template <class T>
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE void store(T* to, const VecF32<T>& values, FullVec) {
  write_vec(to, pack<T>(values));
}
template <class T>
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE void store(T* to, const VecF32<T>& values,
                                                       PartialVec part) {
  for (unsigned i = 0; i < lanes<T>; ++i)
    if (i < part.count) to[i] = from_float<T>(values[i]);
}

/// Stores the values, or adds them to the elements in memory.
template <class T, class Extent>
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE void store(T* to, VecF32<T> values, Extent extent,
                                                       bool accumulate) {
  if (accumulate) add(values, load(to, extent));
  store(to, values, extent);
}

/// Number of vectors that cover `count` elements; the last may be partial.
template <class T>
SCORESDE_HOST_DEVICE constexpr unsigned vecs(unsigned count) {
  return (count + lanes<T> - 1) / lanes<T>;
}

/// Whether rows of `bytes_of_row` bytes that start at the pointers consist of whole vectors. Null
/// pointers are ignored.
template <class... Pointers>
[[nodiscard]] inline bool rows_are_whole(std::size_t bytes_of_row, const Pointers*... pointers) {
  return bytes_of_row % 16 == 0 && ((reinterpret_cast<std::uintptr_t>(pointers) % 16 == 0) && ...);
}

}  // namespace scoresde::cuda
