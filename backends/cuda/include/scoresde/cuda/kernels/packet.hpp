// SPDX-License-Identifier: MIT
/// 128-bit vectorized access to activations.
///
///   8 Bfloat16 or 4 float per access; arithmetic is done in float, on `Lanes`
///
/// A vector is whole if all its elements exist and its address is 16-byte aligned. Other vectors
/// are loaded and stored element by element, with zeros for missing elements.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <scoresde/cuda/kernels/bfloat16.hpp>
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
struct Lanes {
  float value[lanes<T>];
  SCORESDE_HOST_DEVICE float& operator[](unsigned i) { return value[i]; }
  SCORESDE_HOST_DEVICE float operator[](unsigned i) const { return value[i]; }
};

template <class T>
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE void add(Lanes<T>& sum, const Lanes<T>& values) {
  for (unsigned i = 0; i < lanes<T>; ++i) sum[i] += values[i];
}
template <class T>
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE Lanes<T> operator-(Lanes<T> a, const Lanes<T>& b) {
  for (unsigned i = 0; i < lanes<T>; ++i) a[i] -= b[i];
  return a;
}
template <class T>
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE Lanes<T> operator*(Lanes<T> a, const Lanes<T>& b) {
  for (unsigned i = 0; i < lanes<T>; ++i) a[i] *= b[i];
  return a;
}

/// The storage of a vector.
struct alignas(16) Packet {
  std::uint32_t word[4];
};

template <class T>
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE Lanes<T> unpack(const Packet& packet) {
  Lanes<T> out;
  for (unsigned i = 0; i < 4; ++i)
    if constexpr (sizeof(T) == 2) {
      out[2 * i] = detail::float_from_bits(packet.word[i] << 16);
      out[2 * i + 1] = detail::float_from_bits(packet.word[i] & 0xffff0000u);
    } else {
      out[i] = detail::float_from_bits(packet.word[i]);
    }
  return out;
}

template <class T>
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE Packet pack(const Lanes<T>& values) {
  Packet out;
  for (unsigned i = 0; i < 4; ++i)
    if constexpr (sizeof(T) == 2)
      out.word[i] = bfloat16_pair(values[2 * i], values[2 * i + 1]);
    else
      out.word[i] = detail::bits_of_float(values[i]);
  return out;
}

/// One aligned 128-bit load; host code copies to respect strict aliasing.
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE Packet read_packet(const void* from) {
#if defined(__CUDA_ARCH__)
  return *static_cast<const Packet*>(from);
#else
  Packet packet;
  std::memcpy(&packet, from, sizeof(packet));
  return packet;
#endif
}
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE void write_packet(void* to, const Packet& packet) {
#if defined(__CUDA_ARCH__)
  *static_cast<Packet*>(to) = packet;
#else
  std::memcpy(to, &packet, sizeof(packet));
#endif
}

/// Extent of an access: the whole vector, or its first `count` elements one by one.
struct WholePacket {};
struct PartOfPacket {
  unsigned count;
};

/// Calls body(WholePacket) or body(PartOfPacket). Placed outside a loop, it keeps branches from
/// separating the loop's loads.
template <class Body>
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE void with_extent(bool whole, unsigned count,
                                                             const Body& body) {
  if (whole)
    body(WholePacket{});
  else
    body(PartOfPacket{count});
}

template <class T>
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE Packet load_packet(const T* from, WholePacket) {
  return read_packet(from);
}
template <class T>
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE Packet load_packet(const T* from, PartOfPacket part) {
  Lanes<T> values;
  for (unsigned i = 0; i < lanes<T>; ++i) values[i] = i < part.count ? to_float(from[i]) : 0.0f;
  return pack<T>(values);
}
template <class T, class Extent>
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE Lanes<T> load(const T* from, Extent extent) {
  return unpack<T>(load_packet(from, extent));
}

template <class T>
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE void store(T* to, const Lanes<T>& values, WholePacket) {
  write_packet(to, pack<T>(values));
}
template <class T>
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE void store(T* to, const Lanes<T>& values,
                                                       PartOfPacket part) {
  for (unsigned i = 0; i < lanes<T>; ++i)
    if (i < part.count) to[i] = from_float<T>(values[i]);
}

/// Stores the values, or adds them to the elements in memory.
template <class T, class Extent>
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE void store(T* to, Lanes<T> values, Extent extent,
                                                       bool accumulate) {
  if (accumulate) add(values, load(to, extent));
  store(to, values, extent);
}

/// Number of vectors that cover `count` elements; the last may be partial.
template <class T>
SCORESDE_HOST_DEVICE constexpr unsigned packets(unsigned count) {
  return (count + lanes<T> - 1) / lanes<T>;
}

/// Whether rows of `bytes_of_row` bytes that start at the pointers consist of whole vectors. Null
/// pointers are ignored.
template <class... Pointers>
[[nodiscard]] inline bool rows_are_whole(std::size_t bytes_of_row, const Pointers*... pointers) {
  return bytes_of_row % 16 == 0 && ((reinterpret_cast<std::uintptr_t>(pointers) % 16 == 0) && ...);
}

}  // namespace scoresde::cuda
