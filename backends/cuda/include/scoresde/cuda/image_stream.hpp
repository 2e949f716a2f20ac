// SPDX-License-Identifier: MIT
/// ImageStream: a data set in device memory with minibatches bit-identical to data::ImageStream's.
///
/// Pixels are copied to the device once, an epoch's permutation when a batch first reaches it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <scoresde/cuda/context.hpp>
#include <scoresde/cuda/detail/training_kernels.hpp>
#include <scoresde/cuda/device_memory.hpp>
#include <scoresde/data/image_stream.hpp>

namespace scoresde::cuda {

class ImageStream {
 public:
  /// Copies the images to the device. Throws Error for an empty set, and as Context::allocate does.
  ImageStream(const Context& context, const data::ImageSet& images, data::ImageTransform transform,
              std::uint64_t seed)
      : order_(images.size(), seed),
        labels_(images.labels),
        pixels_(context, images.pixels.size()),
        orders_{DeviceMemory(context, images.size() * sizeof(std::uint32_t)),
                DeviceMemory(context, images.size() * sizeof(std::uint32_t))} {
    context.copy_to_device(pixels_.data(), images.pixels.data(), images.pixels.size());
    images_ = {.pixels = pixels_.data<std::uint8_t>(),
               .labels = nullptr,
               .order = {orders_[0].data<std::uint32_t>(), orders_[1].data<std::uint32_t>()},
               .count = static_cast<std::uint32_t>(images.size()),
               .rows = static_cast<std::uint32_t>(images.channels * images.height),
               .width = static_cast<std::uint32_t>(images.width),
               .transform = transform,
               .seed = seed};
  }

  /// Fills `labels` with those of the images at positions first, first + 1, ….
  void fill_labels(std::uint64_t first, std::span<std::uint32_t> labels) {
    order_.fill_labels(labels_, first, labels);
  }

  /// Copies the permutations of the (at most two) epochs that contain positions first … first +
  /// count − 1 to the device; call it before minibatch() for them. Throws Error during stream
  /// capture.
  void upload_epoch_permutation(std::uint64_t first, std::size_t count) {
    const std::size_t size = order_.size();
    for (std::uint64_t epoch = first / size; epoch <= (first + count - 1) / size; ++epoch) {
      if (on_device_[epoch % 2] == epoch) continue;
      const DeviceMemory& to = orders_[epoch % 2];
      to.context().copy_to_device(to.data(), order_.epoch(epoch).data(), to.bytes());
      on_device_[epoch % 2] = epoch;
    }
  }

  /// x ← the images at positions first + stride·step, …, with `step` in device memory.
  void minibatch(std::uint64_t first, std::uint64_t stride, const std::uint64_t* step,
                 std::size_t samples, float* x) const {
    detail::minibatch(pixels_.context(), images_, first, stride, step, samples, x, nullptr);
  }

 private:
  static constexpr std::uint64_t none = std::numeric_limits<std::uint64_t>::max();

  data::StreamOrder order_;
  std::vector<std::uint8_t> labels_;
  DeviceMemory pixels_;
  std::array<DeviceMemory, 2> orders_;
  detail::DeviceImages images_{};
  std::array<std::uint64_t, 2> on_device_{none, none};
};

}  // namespace scoresde::cuda
