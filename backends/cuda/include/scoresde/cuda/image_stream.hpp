// SPDX-License-Identifier: MIT
/// ImageStream: a data set whose minibatches are made on the device, bit-identical to
/// data::ImageStream's.
///
/// Pixels of a small set are copied to the device once, an epoch's permutation when a batch first
/// reaches it. Of a larger set, such as a file that is mapped, the images of each batch are copied
/// as bytes.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/cuda/context.hpp>
#include <scoresde/cuda/detail/training_kernels.hpp>
#include <scoresde/cuda/device_memory.hpp>
#include <scoresde/data/image_set.hpp>
#include <scoresde/data/image_stream.hpp>

namespace scoresde::cuda {

class ImageStream {
 public:
  /// Sets of more bytes stay on the host.
  static constexpr std::size_t most_resident_bytes = std::size_t{1} << 30;

  /// Keeps the images, and copies at most `most_resident` bytes of them to the device. Throws Error
  /// for an empty set, and as data::check and Context::allocate do.
  ImageStream(const Context& context, data::SharedImages images, data::ImageTransform transform,
              std::uint64_t seed, std::size_t most_resident = most_resident_bytes)
      : order_(images.size(), seed),
        set_(std::move(images)),
        is_resident_(set_.view().pixels.size() <= most_resident),
        pixels_(context, is_resident_ ? set_.view().pixels.size() : 0),
        orders_{DeviceMemory(context, set_.size() * sizeof(std::uint32_t)),
                DeviceMemory(context, set_.size() * sizeof(std::uint32_t))} {
    const data::ImageView& view = set_.view();
    data::check(transform, view);
    if (is_resident_)
      context.copy_to_device(pixels_.data(), view.pixels.data(), view.pixels.size());
    images_ = {.pixels = pixels_.data<std::uint8_t>(),
               .labels = nullptr,
               .order = {orders_[0].data<std::uint32_t>(), orders_[1].data<std::uint32_t>()},
               .count = static_cast<std::uint32_t>(view.size()),
               .extents = view.extents(),
               .transform = transform,
               .seed = seed};
  }

  /// Fills `labels` with those of the images at positions first, first + 1, ….
  void fill_labels(std::uint64_t first, std::span<std::uint32_t> labels) {
    order_.fill_labels(set_.view().labels, first, labels);
  }

  /// Enqueues the copies to the device that minibatch() requires for positions first … first +
  /// count − 1, at most an epoch: those epochs' permutations, or the images. Throws Error during
  /// stream capture.
  void prepare(std::uint64_t first, std::size_t count) {
    if (is_resident_)
      upload_epoch_permutations(first, count);
    else
      upload_images(first, count);
  }

  /// x ← the images at positions first + stride·step, …, with `step` in device memory.
  void minibatch(std::uint64_t first, std::uint64_t stride, const std::uint64_t* step,
                 std::size_t samples, float* x) const {
    detail::minibatch(pixels_.context(), images_, first, stride, step, samples, x, nullptr);
  }

 private:
  static constexpr std::uint64_t none = std::numeric_limits<std::uint64_t>::max();

  void upload_epoch_permutations(std::uint64_t first, std::size_t count) {
    const std::size_t size = order_.size();
    for (std::uint64_t epoch = first / size; epoch <= (first + count - 1) / size; ++epoch) {
      if (on_device_[epoch % 2] == epoch) continue;
      const DeviceMemory& to = orders_[epoch % 2];
      to.context().copy_to_device(to.data(), order_.epoch(epoch).data(), to.bytes());
      on_device_[epoch % 2] = epoch;
    }
  }

  /// Image k of the batch becomes image k on the device, and its position's entry of the
  /// permutation is k.
  void upload_images(std::uint64_t first, std::size_t count) {
    const std::size_t dim = set_.view().dim(), size = order_.size();
    if (pixels_.bytes() < count * dim) {
      pixels_ = DeviceMemory(orders_[0].context(), count * dim);
      images_.pixels = pixels_.data<std::uint8_t>();
    }
    numbers_.resize(count);
    std::iota(numbers_.begin(), numbers_.end(), 0u);
    rows_.resize(rows_per_copy() * dim);
    for (std::size_t k = 0; k < count; k += rows_per_copy()) {
      const std::size_t rows = std::min(rows_per_copy(), count - k);
      for (std::size_t i = 0; i < rows; ++i)
        std::ranges::copy(set_.view().image(order_.image_at(first + k + i)),
                          rows_.begin() + static_cast<std::ptrdiff_t>(i * dim));
      pixels_.context().copy_to_device(pixels_.data<std::uint8_t>() + k * dim, rows_.data(),
                                       rows * dim);
    }
    for (std::size_t k = 0; k < count;) {  // up to the end of an epoch, then its successor's
      const std::uint64_t epoch = (first + k) / size;
      const auto place = static_cast<std::size_t>((first + k) % size);
      const std::size_t here = std::min(count - k, size - place);
      const DeviceMemory& to = orders_[epoch % 2];
      to.context().copy_to_device(to.data<std::uint32_t>() + place, &numbers_[k],
                                  here * sizeof(std::uint32_t));
      k += here;
    }
  }
  /// Copies of up to 4 MiB do not wait for the device.
  [[nodiscard]] std::size_t rows_per_copy() const {
    return std::max<std::size_t>(1, (std::size_t{4} << 20) / set_.view().dim());
  }

  data::StreamOrder order_;
  data::SharedImages set_;
  bool is_resident_;
  DeviceMemory pixels_;
  std::array<DeviceMemory, 2> orders_;
  detail::DeviceImages images_{};
  std::array<std::uint64_t, 2> on_device_{none, none};
  std::vector<std::uint8_t> rows_;
  std::vector<std::uint32_t> numbers_;
};

}  // namespace scoresde::cuda
