// SPDX-License-Identifier: MIT
/// A minibatch of a data set in device memory, flipped and dequantized on the device.
///
///   x = u/255 or (u + v)/256, v ~ U(0, 1);   centered: 2x − 1
///
/// Position p of the stream is image order(p mod N) of epoch ⌊p/N⌋, and its random numbers are
/// indexed by epoch and position, so x is bit-identical to data::ImageStream's. The permutations of
/// an even and an odd epoch are kept in device memory, because a batch may span two epochs.
#pragma once

#include <cstddef>
#include <cstdint>

#include <scoresde/cuda/detail/training_arguments.hpp>
#include <scoresde/noise/noise.hpp>

#include "kernels/block.hpp"

namespace scoresde::cuda {

struct MinibatchImages {
  static constexpr unsigned threads = 256;

  detail::DeviceImages images;
  std::uint64_t first;        ///< position of sample 0 of step 0
  std::uint64_t stride;       ///< positions per step
  const std::uint64_t* step;  ///< device memory; null: 0
  std::uint32_t samples;
  float* x;
  std::uint32_t* classes;  ///< labels of the samples; may be null

  [[nodiscard]] GridSize grid() const { return {(float4s() + threads - 1) / threads, samples}; }
  [[nodiscard]] unsigned shared_bytes() const { return 0; }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    const std::uint32_t n = block.index().y;
    const std::uint32_t at4 = block.index().x * threads + block.thread();
    const std::uint64_t at = first + (step == nullptr ? 0 : stride * *step) + n;
    const std::uint64_t epoch = at / images.count;
    const auto place = static_cast<std::uint32_t>(at % images.count);
    const std::uint32_t image = images.order[epoch % 2][place];
    if (at4 == 0 && classes != nullptr) classes[n] = images.labels[image];
    if (at4 >= float4s()) return;
    const bool flipped = images.random_flip &&
                         noise_words(of_epoch(images.flip, epoch), place, 0).word[0] >> 31 != 0;
    PhiloxBlock words{};
    if (images.uniform_dequantization)
      words = noise_words(of_epoch(images.dequantization, epoch), place, at4);
    const std::uint8_t* const from = images.pixels + std::size_t{image} * dim();
    for (unsigned i = 0; i < 4; ++i)
      if (4 * at4 + i < dim()) {
        const std::uint32_t e = 4 * at4 + i, column = e % images.width;
        const std::uint32_t source = flipped ? e + images.width - 1 - 2 * column : e;
        x[std::size_t{n} * dim() + e] = value(from[source], words.word[i]);
      }
  }

 private:
  SCORESDE_HOST_DEVICE std::uint32_t dim() const { return images.rows * images.width; }
  SCORESDE_HOST_DEVICE std::uint32_t float4s() const { return (dim() + 3) / 4; }
  SCORESDE_HOST_DEVICE static NoiseDraw of_epoch(NoiseDraw draw, std::uint64_t epoch) {
    draw.index += 4 * epoch;
    return draw;
  }
  SCORESDE_HOST_DEVICE float value(std::uint8_t pixel, std::uint32_t word) const {
    const double uniform = (static_cast<double>(word) + 0.5) * 0x1p-32;
    const double u = pixel, unit = images.uniform_dequantization ? (u + uniform) / 256 : u / 255;
    // 2·unit is exact, so contraction to an fma does not change the result.
    return static_cast<float>(images.centered ? 2 * unit - 1 : unit);
  }
};

}  // namespace scoresde::cuda
