// SPDX-License-Identifier: MIT
/// Layout conversion at the boundary of a network: planar images (NCHW) to channels-last (NHWC),
/// and back.
///
///   (n, c, h, w) float  ↔  (n, h, w, padded c) T, padding channels are zero
///
/// Channels are padded to multiples of 8 for tensor cores: 3-channel images get 8 channels. A
/// per-sample factor scales the input of a preconditioned network in the same pass.
#pragma once

#include <cstddef>
#include <cstdint>

#include <scoresde/nn/graph/ops.hpp>

#include "kernels/block.hpp"
#include "kernels/vec128.hpp"

namespace scoresde::cuda {

/// NCHW images of `channels` planes outside, NHWC rows of `padded` ≥ channels inside.
struct LayoutConversion {
  std::uint32_t samples, pixels, channels, padded;

  template <class T>
  [[nodiscard]] GridSize grid(unsigned threads) const {
    return {(pixels * vecs<T>(padded) + threads - 1) / threads, samples};
  }
  /// Calls body(offset in the NCHW image, offset in the NHWC row, first channel) if the thread has
  /// a vector. Consecutive threads have consecutive pixels, so that accesses to planes coalesce.
  template <class T, unsigned Threads, class Block, class Body>
  SCORESDE_DEVICE void with_vec(const Block& block, const Body& body) const {
    const std::uint32_t i = thread_of_row<Threads>(block), n = block.index().y;
    const std::uint32_t pixel = i % pixels, channel = i / pixels * lanes<T>;
    if (channel >= padded) return;
    body((std::size_t{n} * channels + channel) * pixels + pixel,
         (std::size_t{n} * pixels + pixel) * padded + channel, channel);
  }
  /// Elements of the vector that starts at `channel`, in rows of `width`.
  template <class T>
  SCORESDE_HOST_DEVICE static unsigned count(std::uint32_t channel, std::uint32_t width) {
    if (channel >= width) return 0;
    return width - channel < lanes<T> ? width - channel : lanes<T>;
  }
};

/// inside ← factors[n]·outside, zeros in padding channels.
template <class T>
struct NchwToNhwc {
  static constexpr unsigned threads = 256;

  LayoutConversion door;
  bool whole;
  const double* factors;  ///< null: 1
  const float* outside;
  T* inside;

  [[nodiscard]] GridSize grid() const { return door.grid<T>(threads); }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    const float factor = factors == nullptr ? 1.0f : static_cast<float>(factors[block.index().y]);
    door.with_vec<T, threads>(
        block, [&](std::size_t plane, std::size_t row, std::uint32_t channel) {
          const unsigned there = door.count<T>(channel, door.channels);
          VecF32<T> value{};
          for (unsigned i = 0; i < lanes<T>; ++i)
            if (i < there) value[i] = factor * outside[plane + std::size_t{i} * door.pixels];
          with_extent(whole, door.count<T>(channel, door.padded),
                      [&](auto extent) { store(inside + row, value, extent); });
        });
  }
};

/// outside ← or += factors[n]·inside.
template <class T>
struct NhwcToNchw {
  static constexpr unsigned threads = 256;

  LayoutConversion door;
  bool whole;
  const double* factors;  ///< null: 1
  const T* inside;
  nn::Gradient<float> outside;

  [[nodiscard]] GridSize grid() const { return door.grid<T>(threads); }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    const float factor = factors == nullptr ? 1.0f : static_cast<float>(factors[block.index().y]);
    door.with_vec<T, threads>(block,
                              [&](std::size_t plane, std::size_t row, std::uint32_t channel) {
                                const unsigned there = door.count<T>(channel, door.channels);
                                with_extent(whole, there, [&](auto extent) {
                                  const VecF32<T> value = load(inside + row, extent);
                                  for (unsigned i = 0; i < lanes<T>; ++i)
                                    if (i < there)
                                      put(plane + std::size_t{i} * door.pixels, factor * value[i]);
                                });
                              });
  }

 private:
  SCORESDE_DEVICE void put(std::size_t at, float value) const {
    outside.data[at] = outside.accumulate ? outside.data[at] + value : value;
  }
};

}  // namespace scoresde::cuda
