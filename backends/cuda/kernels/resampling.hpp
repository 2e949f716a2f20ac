// SPDX-License-Identifier: MIT
/// Resampling by a factor of two, channels-last.
///
///   Upsample: large[2i + a, 2j + b] ← or += scale·small[i, j]          a, b ∈ {0, 1}
///   Downsample: small[i, j] ← or += scale·Σ_{a,b} large[2i + a, 2j + b]
///
/// Nearest-neighbor upsampling is Upsample with scale 1, its gradient Downsample; average pooling
/// is Downsample with scale ¼, its gradient Upsample. Each thread processes one 128-bit vector of
/// channels of a small pixel.
#pragma once

#include <cstddef>
#include <cstdint>

#include <scoresde/nn/graph/ops.hpp>

#include "kernels/block.hpp"
#include "kernels/vec128.hpp"

namespace scoresde::cuda {

/// The place of a 128-bit vector of an image: its sample, pixel and first channel.
struct VecPlace {
  std::uint32_t sample, row, column, channel;
};

/// Extents of the small image, and the mapping of threads to its 128-bit vectors.
struct SmallImage {
  std::uint32_t samples, height, width, channels;

  template <class T>
  [[nodiscard]] GridSize grid(unsigned threads) const {
    return {(height * width * vecs<T>(channels) + threads - 1) / threads, samples};
  }
  /// Calls body(place, extent) if the thread has a vector.
  template <class T, unsigned Threads, class Block, class Body>
  SCORESDE_DEVICE void with_vec(const Block& block, bool whole, const Body& body) const {
    const std::uint32_t i = thread_of_row<Threads>(block), across = vecs<T>(channels);
    const std::uint32_t pixel = i / across, channel = i % across * lanes<T>;
    if (pixel >= height * width) return;
    const std::uint32_t left = channels - channel;
    with_extent(whole, left < lanes<T> ? left : lanes<T>, [&](auto extent) {
      body(VecPlace{block.index().y, pixel / width, pixel % width, channel}, extent);
    });
  }
  /// Index of a row over all samples.
  SCORESDE_HOST_DEVICE std::size_t row(const VecPlace& at) const {
    return std::size_t{at.sample} * height + at.row;
  }
  /// Index of the vector's first element.
  SCORESDE_HOST_DEVICE std::size_t index(const VecPlace& at) const {
    return (row(at) * width + at.column) * channels + at.channel;
  }
  /// Index of pixel (2i + a, 2j + b) of an image twice as large, for the pixel (i, j) of a vector.
  SCORESDE_HOST_DEVICE std::size_t doubled(const VecPlace& at, unsigned a, unsigned b) const {
    return ((2 * row(at) + a) * 2 * width + 2 * at.column + b) * channels + at.channel;
  }
};

template <class T>
struct Upsample {
  static constexpr unsigned threads = 256;

  SmallImage image;
  bool whole;
  float scale;
  const T* small;
  nn::Gradient<T> large;

  [[nodiscard]] GridSize grid() const { return image.grid<T>(threads); }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    image.with_vec<T, threads>(block, whole, [&](const VecPlace& at, auto extent) {
      VecF32<T> value = load(small + image.index(at), extent);
      for (unsigned i = 0; i < lanes<T>; ++i) value[i] *= scale;
      for (unsigned a = 0; a < 2; ++a)
        for (unsigned b = 0; b < 2; ++b)
          store(large.data + image.doubled(at, a, b), value, extent, large.accumulate);
    });
  }
};

template <class T>
struct Downsample {
  static constexpr unsigned threads = 256;

  SmallImage image;
  bool whole;
  float scale;
  const T* large;
  nn::Gradient<T> small;

  [[nodiscard]] GridSize grid() const { return image.grid<T>(threads); }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    image.with_vec<T, threads>(block, whole, [&](const VecPlace& at, auto extent) {
      VecF32<T> sum{};
      for (unsigned a = 0; a < 2; ++a)
        for (unsigned b = 0; b < 2; ++b) add(sum, load(large + image.doubled(at, a, b), extent));
      for (unsigned i = 0; i < lanes<T>; ++i) sum[i] *= scale;
      store(small.data + image.index(at), sum, extent, small.accumulate);
    });
  }
};

}  // namespace scoresde::cuda
