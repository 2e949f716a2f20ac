// SPDX-License-Identifier: MIT
/// The doors of a network: images as the library has them to channels-last memory, and back.
///
///   (n, c, h, w) float  ↔  (n, h, w, padded c) T, zeros in the channels beyond
///
/// Channels are padded because tensor cores take 8 at a time: an image of 3 channels becomes one of
/// 8. A factor for each sample scales the input of a preconditioned network in passing.
#pragma once

#include <cstddef>
#include <cstdint>

#include <scoresde/cuda/kernels/block.hpp>
#include <scoresde/cuda/kernels/packet.hpp>
#include <scoresde/nn/ops.hpp>

namespace scoresde::cuda {

/// Images of `channels` planes outside and rows of `padded` ≥ channels inside.
struct Door {
  std::uint32_t samples, pixels, channels, padded;

  template <class T>
  [[nodiscard]] GridSize grid(unsigned threads) const {
    return {(pixels * packets<T>(padded) + threads - 1) / threads, samples};
  }
  /// Calls body(offset of the plane's element, of the row's element, first channel) unless there is
  /// no such packet. Neighbouring threads have neighbouring pixels, as the planes want it.
  template <class T, class Body>
  SCORESDE_HOST_DEVICE void with_packet(GridSize block, unsigned thread, unsigned threads,
                                        const Body& body) const {
    const std::uint32_t i = block.x * threads + thread;
    const std::uint32_t pixel = i % pixels, channel = i / pixels * lanes<T>;
    if (channel >= padded) return;
    body((std::size_t{block.y} * channels + channel) * pixels + pixel,
         (std::size_t{block.y} * pixels + pixel) * padded + channel, channel);
  }
  /// Elements of the packet that begins at `channel`, in rows of `width`.
  template <class T>
  SCORESDE_HOST_DEVICE static unsigned count(std::uint32_t channel, std::uint32_t width) {
    if (channel >= width) return 0;
    return width - channel < lanes<T> ? width - channel : lanes<T>;
  }
};

/// inside ← factors[n]·outside, zeros in the channels beyond.
template <class T>
struct EnterDoor {
  static constexpr unsigned threads = 256;

  Door door;
  bool whole;
  const double* factors;  ///< null: 1
  const float* outside;
  T* inside;

  [[nodiscard]] GridSize grid() const { return door.grid<T>(threads); }
  [[nodiscard]] unsigned shared_bytes() const { return 0; }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    const float factor = factors == nullptr ? 1.0f : static_cast<float>(factors[block.index().y]);
    door.with_packet<T>(block.index(), block.thread(), threads,
                        [&](std::size_t plane, std::size_t row, std::uint32_t channel) {
                          const unsigned there = door.count<T>(channel, door.channels);
                          Lanes<T> value{};
                          for (unsigned i = 0; i < lanes<T>; ++i)
                            if (i < there)
                              value[i] = factor * outside[plane + std::size_t{i} * door.pixels];
                          with_extent(whole, door.count<T>(channel, door.padded),
                                      [&](auto extent) { store(inside + row, value, extent); });
                        });
  }
};

/// outside ← or += factors[n]·inside.
template <class T>
struct LeaveDoor {
  static constexpr unsigned threads = 256;

  Door door;
  bool whole;
  const double* factors;  ///< null: 1
  const T* inside;
  nn::Gradient<float> outside;

  [[nodiscard]] GridSize grid() const { return door.grid<T>(threads); }
  [[nodiscard]] unsigned shared_bytes() const { return 0; }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    const float factor = factors == nullptr ? 1.0f : static_cast<float>(factors[block.index().y]);
    door.with_packet<T>(block.index(), block.thread(), threads,
                        [&](std::size_t plane, std::size_t row, std::uint32_t channel) {
                          const unsigned there = door.count<T>(channel, door.channels);
                          with_extent(whole, there, [&](auto extent) {
                            const Lanes<T> value = load(inside + row, extent);
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
