// SPDX-License-Identifier: MIT
/// Float4: four consecutive elements of a sample, the noise of one Philox counter and the work of
/// one thread.
///
///   quad q of sample k: elements 4q … 4q + 3 at k·dim + 4q, fewer in the last where dim mod 4 ≠ 0
#pragma once

#include <cstddef>

#include <scoresde/fma.hpp>
#include <scoresde/noise/noise.hpp>

#include "kernels/block.hpp"

namespace scoresde::cuda {

template <class T>
struct alignas(16) Float4 {
  T value[4];
};

/// A batch divided into groups of four elements; total() must fit in 32 bits.
struct Float4Shape {
  unsigned samples = 0, dim = 0;

  SCORESDE_HOST_DEVICE constexpr unsigned float4s() const { return dim / 4 + (dim % 4 != 0); }
  SCORESDE_HOST_DEVICE constexpr unsigned total() const { return samples * float4s(); }
  /// Number of elements in a group.
  SCORESDE_HOST_DEVICE constexpr unsigned count(unsigned at4) const {
    return dim - 4 * at4 < 4 ? dim - 4 * at4 : 4;
  }
  SCORESDE_HOST_DEVICE constexpr std::size_t first(unsigned sample, unsigned at4) const {
    return std::size_t{sample} * dim + 4 * std::size_t{at4};
  }
};

/// The grid of blocks of `Threads` in which each Float4 has a thread.
template <unsigned Threads>
[[nodiscard]] constexpr GridSize float4_grid(Float4Shape shape) {
  return {.x = (shape.total() + Threads - 1) / Threads};
}

/// The Float4 of a thread in that grid; `sample` is past the last one in threads that have none.
struct Float4Place {
  unsigned sample, at4;
};
template <unsigned Threads, class Block>
SCORESDE_DEVICE Float4Place float4_of_thread(const Block& block, Float4Shape shape) {
  const unsigned i = thread_of_row<Threads>(block);
  return {i / shape.float4s(), i % shape.float4s()};
}

/// Loads four elements of a 16-byte aligned state, with zeros past the end of the sample. Uses
/// 128-bit accesses if dim is a multiple of 4.
template <class T>
SCORESDE_DEVICE Float4<T> load_float4(const T* x, Float4Shape shape, unsigned sample,
                                      unsigned at4) {
  const T* const from = x + shape.first(sample, at4);
#if defined(__CUDA_ARCH__)
  if (shape.dim % 4 == 0) return *reinterpret_cast<const Float4<T>*>(from);
#endif
  Float4<T> result{};
  const unsigned count = shape.count(at4);
  for (unsigned i = 0; i < 4; ++i)
    if (i < count) result.value[i] = from[i];
  return result;
}

template <class T>
SCORESDE_DEVICE void store_float4(T* x, Float4Shape shape, unsigned sample, unsigned at4,
                                  const Float4<T>& value) {
  T* const to = x + shape.first(sample, at4);
#if defined(__CUDA_ARCH__)
  if (shape.dim % 4 == 0) {
    *reinterpret_cast<Float4<T>*>(to) = value;
    return;
  }
#endif
  const unsigned count = shape.count(at4);
  for (unsigned i = 0; i < 4; ++i)
    if (i < count) to[i] = value.value[i];
}

/// The normal variates of four elements, bit-identical to fill_normal.
SCORESDE_DEVICE inline Float4<float> normal_float4(NoiseDraw draw, unsigned sample, unsigned at4) {
  const PhiloxBlock words = noise_words(draw, sample, at4);
  Float4<float> z;
  scoresde::box_muller(words.word[0], words.word[1], z.value[0], z.value[1]);
  scoresde::box_muller(words.word[2], words.word[3], z.value[2], z.value[3]);
  return z;
}

/// The variates times c, each product rounded.
template <class T>
SCORESDE_DEVICE Float4<T> noise_float4(T c, NoiseDraw draw, unsigned sample, unsigned at4) {
  const Float4<float> z = normal_float4(draw, sample, at4);
  Float4<T> scaled;
  for (unsigned e = 0; e < 4; ++e)
    scaled.value[e] = scoresde::rounded_product(c, static_cast<T>(z.value[e]));
  return scaled;
}

}  // namespace scoresde::cuda
