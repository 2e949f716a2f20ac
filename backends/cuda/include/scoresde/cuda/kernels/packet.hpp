// SPDX-License-Identifier: MIT
/// Packets: the 16 bytes of neighbouring activations that a thread loads or stores at once.
///
///   8 Bfloat16 or 4 float; arithmetic is float's, on `Lanes`
///
/// A packet is whole when all its elements exist and the first lies at a multiple of 16 bytes;
/// others are read and written element by element, with zeros in place of what does not exist.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <scoresde/cuda/kernels/bfloat16.hpp>
#include <scoresde/host_device.hpp>

// Asks the device compiler to unroll the following loop; hosts decide for themselves.
#if defined(__CUDA_ARCH__)
#define SCORESDE_PRAGMA(text) _Pragma(#text)
#define SCORESDE_UNROLL(times) SCORESDE_PRAGMA(unroll times)
#else
#define SCORESDE_UNROLL(times)
#endif

namespace scoresde::cuda {

/// Elements of a packet.
template <class T>
inline constexpr unsigned lanes = 16 / sizeof(T);

/// The values of a packet.
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

/// The memory of a packet.
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

/// One access of 16 aligned bytes; hosts copy, because they may assume that types do not alias.
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

/// How a packet is reached: at once, or the elements that exist one by one.
struct WholePacket {};
struct PartOfPacket {
  unsigned count;
};

/// Calls body(WholePacket) or body(PartOfPacket): once around a loop, so that nothing stands in it
/// between one load and the next.
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

/// Over what is there, or added to it.
template <class T, class Extent>
SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE void store(T* to, Lanes<T> values, Extent extent,
                                                       bool accumulate) {
  if (accumulate) add(values, load(to, extent));
  store(to, values, extent);
}

/// Packets that `count` elements take, the last perhaps not whole.
template <class T>
SCORESDE_HOST_DEVICE constexpr unsigned packets(unsigned count) {
  return (count + lanes<T> - 1) / lanes<T>;
}

/// Whether rows of `length` elements that begin at the pointers consist of whole packets. Null
/// pointers, which nobody follows, do not count.
template <class... Pointers>
[[nodiscard]] inline bool rows_are_whole(std::size_t bytes_of_row, const Pointers*... pointers) {
  return bytes_of_row % 16 == 0 && ((reinterpret_cast<std::uintptr_t>(pointers) % 16 == 0) && ...);
}

}  // namespace scoresde::cuda
