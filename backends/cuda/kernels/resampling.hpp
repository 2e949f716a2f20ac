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

/// Extents of the small image, and the mapping of threads to its 128-bit vectors.
struct SmallImage {
  std::uint32_t samples, height, width, channels;

  template <class T>
  [[nodiscard]] GridSize grid(unsigned threads) const {
    return {(height * width * vecs<T>(channels) + threads - 1) / threads, samples};
  }
  /// Calls body(row over all samples, column, first channel, extent) if the thread has a vector.
  template <class T, class Body>
  SCORESDE_HOST_DEVICE void with_vec(GridSize block, unsigned thread, unsigned threads, bool whole,
                                     const Body& body) const {
    const std::uint32_t i = block.x * threads + thread, across = vecs<T>(channels);
    const std::uint32_t pixel = i / across, channel = i % across * lanes<T>;
    if (pixel >= height * width) return;
    const std::uint32_t left = channels - channel;
    with_extent(whole, left < lanes<T> ? left : lanes<T>, [&](auto extent) {
      body(std::size_t{block.y} * height + pixel / width, pixel % width, channel, extent);
    });
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
  [[nodiscard]] unsigned shared_bytes() const { return 0; }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    image.with_vec<T>(
        block.index(), block.thread(), threads, whole,
        [&](std::size_t row, std::uint32_t column, std::uint32_t channel, auto extent) {
          const std::size_t pixel = row * image.width + column;
          VecF32<T> value = load(small + pixel * image.channels + channel, extent);
          for (unsigned i = 0; i < lanes<T>; ++i) value[i] *= scale;
          for (unsigned a = 0; a < 2; ++a)
            for (unsigned b = 0; b < 2; ++b) {
              const std::size_t at = (2 * row + a) * 2 * image.width + 2 * column + b;
              store(large.data + at * image.channels + channel, value, extent, large.accumulate);
            }
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
  [[nodiscard]] unsigned shared_bytes() const { return 0; }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    image.with_vec<T>(
        block.index(), block.thread(), threads, whole,
        [&](std::size_t row, std::uint32_t column, std::uint32_t channel, auto extent) {
          VecF32<T> sum{};
          for (unsigned a = 0; a < 2; ++a)
            for (unsigned b = 0; b < 2; ++b) {
              const std::size_t at = (2 * row + a) * 2 * image.width + 2 * column + b;
              add(sum, load(large + at * image.channels + channel, extent));
            }
          for (unsigned i = 0; i < lanes<T>; ++i) sum[i] *= scale;
          const std::size_t pixel = row * image.width + column;
          store(small.data + pixel * image.channels + channel, sum, extent, small.accumulate);
        });
  }
};

}  // namespace scoresde::cuda
