// SPDX-License-Identifier: MIT
/// Minibatches in which every random choice is a function of (seed, epoch, position): order, flip,
/// dequantization.
///
///   x = u/255 or (u + v)/256, v ~ U(0, 1);   centered: 2x − 1
///
/// Position p of the endless stream is image order(p mod N) of epoch ⌊p/N⌋, so a resumed run, or a
/// run with another batch size, uses the same images. Theis et al. 2016, arXiv:1511.01844, section
/// 3.1, for uniform dequantization.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/data/cifar10.hpp>
#include <scoresde/error.hpp>
#include <scoresde/noise/noise.hpp>

namespace scoresde::data {

/// Conversion of pixels to numbers.
struct ImageTransform {
  bool centered = true;                 ///< [−1, 1] instead of [0, 1]
  bool random_flip = false;             ///< mirror left and right with probability ½
  bool uniform_dequantization = false;  ///< (u + v)/256 instead of u/255
};

/// What a data draw is used for: the low bits of its index; the epoch is in the bits above.
enum class DataChoice : std::uint64_t { order = 0, flip = 1, dequantization = 2 };

constexpr NoiseDraw data_draw(std::uint64_t seed, std::uint64_t epoch, DataChoice choice) {
  return Noise{.seed = seed, .purpose = Purpose::data}.draw(4 * epoch +
                                                            static_cast<std::uint64_t>(choice));
}

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

/// Writes image `image` of the set to `x` (dim() elements). `place` identifies the draws within the
/// epoch.
template <class T>
void fill_image(const ImageSet& images, std::size_t image, const ImageTransform& transform,
                std::uint64_t seed, std::uint64_t epoch, std::size_t place, std::span<T> x) {
  const std::span<const std::uint8_t> pixels = images.image(image);
  const bool flip = transform.random_flip &&
                    (noise_word(data_draw(seed, epoch, DataChoice::flip), place, 0) >> 31) != 0;
  const NoiseDraw draw = data_draw(seed, epoch, DataChoice::dequantization);
  const double scale = transform.centered ? 2 : 1;
  const double shift = transform.centered ? -1 : 0;
  for (std::size_t row = 0; row < images.channels * images.height; ++row) {
    const std::size_t first = row * images.width;
    for (std::size_t column = 0; column < images.width; ++column) {
      const double u = pixels[first + (flip ? images.width - 1 - column : column)];
      const double unit = transform.uniform_dequantization
                              ? (u + uniform(draw, place, first + column)) / 256
                              : u / 255;
      x[first + column] = static_cast<T>(scale * unit + shift);
    }
  }
}

/// The endless, shuffled stream of a data set. Stores the order of one epoch at a time.
class ImageStream {
 public:
  /// `images` must outlive the stream. Throws Error for an empty set.
  ImageStream(const ImageSet& images, ImageTransform transform, std::uint64_t seed)
      : images_(&images), transform_(transform), seed_(seed) {
    require(images.size() > 0, "image stream: the image set is empty");
  }

  /// Fills `x` with the images at positions first, first + 1, …; its length must be a multiple of
  /// dim(). Throws Error otherwise.
  template <class T>
  void fill_batch(std::uint64_t first, std::span<T> x) {
    const std::size_t dim = images_->dim();
    require(x.size() % dim == 0, "image stream: the batch has ", x.size(),
            " elements; it must be a multiple of ", dim);
    for (std::size_t k = 0; k < x.size() / dim; ++k) {
      const std::size_t image = image_at(first + k);
      const auto place = static_cast<std::size_t>((first + k) % images_->size());
      fill_image(*images_, image, transform_, seed_, epoch_, place, x.subspan(k * dim, dim));
    }
  }

  /// Fills `labels` with those of the images at positions first, first + 1, ….
  void fill_labels(std::uint64_t first, std::span<std::uint32_t> labels) {
    for (std::size_t k = 0; k < labels.size(); ++k)
      labels[k] = images_->labels[image_at(first + k)];
  }

 private:
  /// The image at a position of the stream; epoch_ is then its epoch.
  std::size_t image_at(std::uint64_t place) {
    const std::uint64_t epoch = place / images_->size();
    if (epoch != epoch_) {
      order_ = epoch_order(seed_, epoch, images_->size());
      epoch_ = epoch;
    }
    return order_[static_cast<std::size_t>(place % images_->size())];
  }

  const ImageSet* images_;
  ImageTransform transform_;
  std::uint64_t seed_;
  std::uint64_t epoch_ = std::numeric_limits<std::uint64_t>::max();
  std::vector<std::uint32_t> order_;
};

}  // namespace scoresde::data
