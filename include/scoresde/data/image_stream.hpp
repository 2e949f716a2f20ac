// SPDX-License-Identifier: MIT
/// Minibatches in which every random choice is a function of (seed, epoch, position): order, and
/// those of data/image_transform.hpp.
///
/// Position p of the endless stream is image order(p mod N) of epoch ⌊p/N⌋, so a resumed run, or a
/// run with another batch size, uses the same images.
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

#include <scoresde/data/image_set.hpp>
#include <scoresde/data/image_transform.hpp>
#include <scoresde/error.hpp>
#include <scoresde/noise/noise.hpp>

namespace scoresde::data {

/// The order of one epoch: a permutation of 0 … count − 1 (Fisher and Yates), a pure function of
/// its arguments.
[[nodiscard]] inline std::vector<std::uint32_t> epoch_order(std::uint64_t seed, std::uint64_t epoch,
                                                            std::size_t count) {
  const NoiseDraw draw = data_draw(seed, epoch, DataChoice::order);
  std::vector<std::uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0u);
  for (std::size_t i = count; i > 1; --i) {
    const std::uint64_t word = noise_word(draw, 0, i - 1);
    std::swap(order[i - 1], order[(word * i) >> 32]);
  }
  return order;
}

/// Throws Error for shifts that are not less than the images' height and width.
inline void check(const ImageTransform& transform, const ImageView& images) {
  const std::size_t most = std::min(images.height, images.width);
  require(transform.random_shift == 0 || transform.random_shift < most, "image stream: images of ",
          images.height, " x ", images.width, " cannot be shifted by ", transform.random_shift,
          " pixels; at most by ", most - 1);
}

/// Writes image `image` of the set to `x` (dim() elements). `place` identifies the draws within the
/// epoch.
template <class T>
void fill_image(const ImageView& images, std::size_t image, const ImageTransform& transform,
                std::uint64_t seed, std::uint64_t epoch, std::size_t place, std::span<T> x) {
  const PlacedTransform placed(transform, seed, epoch, static_cast<std::uint32_t>(place));
  const ImageExtents extents = images.extents();
  for (std::uint32_t quad = 0; 4 * quad < extents.dim(); ++quad)
    placed.write(images.image(image).data(), extents, quad, x.data());
}

/// The order of the endless stream of a data set, on every backend: which image is at a position.
/// Stores the orders of the latest even and the latest odd epoch, because a batch may span two.
class StreamOrder {
 public:
  /// Of `count` images. Throws Error for none.
  StreamOrder(std::size_t count, std::uint64_t seed) : count_(count), seed_(seed) {
    require(count > 0, "image stream: the image set is empty");
  }

  /// Images per epoch.
  [[nodiscard]] std::size_t size() const { return count_; }

  /// The permutation of an epoch. Valid until that of another epoch of the same parity is computed.
  [[nodiscard]] const std::vector<std::uint32_t>& epoch(std::uint64_t number) {
    const std::size_t parity = number % 2;
    if (numbers_[parity] != number) {
      orders_[parity] = epoch_order(seed_, number, count_);
      numbers_[parity] = number;
    }
    return orders_[parity];
  }
  /// The image at a position.
  [[nodiscard]] std::size_t image_at(std::uint64_t place) {
    return epoch(place / count_)[static_cast<std::size_t>(place % count_)];
  }
  /// Fills `out` with the labels of the images at positions first, first + 1, ….
  void fill_labels(std::span<const std::uint32_t> labels, std::uint64_t first,
                   std::span<std::uint32_t> out) {
    for (std::size_t k = 0; k < out.size(); ++k) out[k] = labels[image_at(first + k)];
  }

 private:
  static constexpr std::uint64_t none = std::numeric_limits<std::uint64_t>::max();

  std::size_t count_;
  std::uint64_t seed_;
  std::array<std::uint64_t, 2> numbers_{none, none};
  std::array<std::vector<std::uint32_t>, 2> orders_;
};

/// The stream of a data set in host memory, or in a file that is mapped.
class ImageStream {
 public:
  /// The memory of `images` must outlive the stream. Throws Error for an empty set, and as check
  /// does.
  ImageStream(const ImageView& images, ImageTransform transform, std::uint64_t seed)
      : images_(images), transform_(transform), seed_(seed), order_(images.size(), seed) {
    check(transform, images);
  }

  /// Fills `x` with the images at positions first, first + 1, …; its length must be a multiple of
  /// dim(). Throws Error otherwise.
  template <class T>
  void fill_batch(std::uint64_t first, std::span<T> x) {
    const std::size_t dim = images_.dim(), count = order_.size();
    require(x.size() % dim == 0, "image stream: the batch has ", x.size(),
            " elements; it must be a multiple of ", dim);
    for (std::size_t k = 0; k < x.size() / dim; ++k) {
      const std::uint64_t place = first + k;
      fill_image(images_, order_.image_at(place), transform_, seed_, place / count,
                 static_cast<std::size_t>(place % count), x.subspan(k * dim, dim));
    }
  }

  /// Fills `labels` with those of the images at positions first, first + 1, ….
  void fill_labels(std::uint64_t first, std::span<std::uint32_t> labels) {
    order_.fill_labels(images_.labels, first, labels);
  }

 private:
  ImageView images_;
  ImageTransform transform_;
  std::uint64_t seed_;
  StreamOrder order_;
};

}  // namespace scoresde::data
