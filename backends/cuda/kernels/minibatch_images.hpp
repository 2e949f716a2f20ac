// SPDX-License-Identifier: MIT
/// A minibatch of a data set in device memory, flipped, shifted and dequantized on the device.
///
/// Position p of the stream is image order(p mod N) of epoch ⌊p/N⌋, transformed as on the host, so
/// x is bit-identical to data::ImageStream's. The permutations of an even and an odd epoch are kept
/// in device memory, because a batch may span two epochs.
#pragma once

#include <cstddef>
#include <cstdint>

#include <scoresde/cuda/detail/training_arguments.hpp>
#include <scoresde/data/image_transform.hpp>

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

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    const std::uint32_t n = block.index().y;
    const std::uint32_t at4 = thread_of_row<threads>(block);
    const std::uint64_t at = first + (step == nullptr ? 0 : stride * *step) + n;
    const std::uint64_t epoch = at / images.count;
    const auto place = static_cast<std::uint32_t>(at % images.count);
    const std::uint32_t image = images.order[epoch % 2][place];
    if (at4 == 0 && classes != nullptr) classes[n] = images.labels[image];
    if (at4 >= float4s()) return;
    const data::PlacedTransform transform(images.transform, images.seed, epoch, place);
    transform.write(images.pixels + std::size_t{image} * dim(), images.extents, at4,
                    x + std::size_t{n} * dim());
  }

 private:
  SCORESDE_HOST_DEVICE std::uint32_t dim() const { return images.extents.dim(); }
  SCORESDE_HOST_DEVICE std::uint32_t float4s() const { return (dim() + 3) / 4; }
};

}  // namespace scoresde::cuda
