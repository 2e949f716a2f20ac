// SPDX-License-Identifier: MIT
/// From the pixels of an image to the numbers of a batch, on every backend: flip, shift,
/// dequantization, normalization. Every random choice is a function of (seed, epoch, position).
///
///   x = u/255 or (u + v)/256, v ~ U(0, 1);   centered: 2x − 1
///
/// Shifts are the random crops of padded images of He et al. 2016, arXiv:1512.03385, section 4.2,
/// with the image mirrored at its edges instead of zeros.
///
/// Theis et al. 2016, arXiv:1511.01844, section 3.1, for uniform dequantization.
#pragma once

#include <cstdint>

#include <scoresde/host_device.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/noise/philox.hpp>

namespace scoresde::data {

/// Conversion of pixels to numbers.
struct ImageTransform {
  bool centered = true;                 ///< [−1, 1] instead of [0, 1]
  bool random_flip = false;             ///< mirror left and right with probability ½
  bool uniform_dequantization = false;  ///< (u + v)/256 instead of u/255
  std::uint32_t random_shift = 0;  ///< move by up to so many pixels, less than height and width
};

/// Channels, height and width of an image.
struct ImageExtents {
  std::uint32_t channels = 0, height = 0, width = 0;

  [[nodiscard]] SCORESDE_HOST_DEVICE constexpr std::uint32_t dim() const {
    return channels * height * width;
  }
};

/// What a data draw is used for: the low bits of its index; the epoch is in the bits above.
enum class DataChoice : std::uint64_t { order = 0, flip = 1, dequantization = 2, shift = 3 };

SCORESDE_HOST_DEVICE constexpr NoiseDraw data_draw(std::uint64_t seed, std::uint64_t epoch,
                                                   DataChoice choice) {
  return Noise{.seed = seed, .purpose = Purpose::data}.draw(4 * epoch +
                                                            static_cast<std::uint64_t>(choice));
}

/// The transform of the image at one position of an epoch.
class PlacedTransform {
 public:
  SCORESDE_HOST_DEVICE PlacedTransform(const ImageTransform& transform, std::uint64_t seed,
                                       std::uint64_t epoch, std::uint32_t place)
      : transform_(transform),
        place_(place),
        flips_(transform.random_flip &&
               noise_words(data_draw(seed, epoch, DataChoice::flip), place, 0).word[0] >> 31 != 0),
        dequantization_(data_draw(seed, epoch, DataChoice::dequantization)) {
    if (transform.random_shift == 0) return;
    const PhiloxBlock words = noise_words(data_draw(seed, epoch, DataChoice::shift), place, 0);
    down_ = shift(words.word[0]);
    right_ = shift(words.word[1]);
  }

  /// Writes elements 4·quad … 4·quad + 3 of the image, those that exist, to x. `pixels` and x are
  /// the whole image, (channels, height, width).
  template <class T>
  SCORESDE_HOST_DEVICE void write(const std::uint8_t* pixels, const ImageExtents& extents,
                                  std::uint32_t quad, T* x) const {
    PhiloxBlock words{};
    if (transform_.uniform_dequantization) words = noise_words(dequantization_, place_, quad);
    for (unsigned i = 0; i < 4; ++i)
      if (4 * quad + i < extents.dim()) {
        const std::uint32_t e = 4 * quad + i;
        x[e] = static_cast<T>(number(pixels[source(e, extents)], words.word[i]));
      }
  }

 private:
  /// Uniform among −random_shift … random_shift, up to 2⁻³² relative.
  SCORESDE_HOST_DEVICE std::int32_t shift(std::uint32_t word) const {
    const std::uint64_t count = 2 * std::uint64_t{transform_.random_shift} + 1;
    return static_cast<std::int32_t>((word * count) >> 32) -
           static_cast<std::int32_t>(transform_.random_shift);
  }

  /// The pixel that becomes element e: shifted, then mirrored.
  SCORESDE_HOST_DEVICE std::uint32_t source(std::uint32_t e, const ImageExtents& extents) const {
    if (!flips_ && down_ == 0 && right_ == 0) return e;
    const std::uint32_t x = e % extents.width, row = e / extents.width, y = row % extents.height;
    const std::uint32_t column = flips_ ? extents.width - 1 - x : x;
    return (row - y + reflected(y, -down_, extents.height)) * extents.width +
           reflected(column, -right_, extents.width);
  }
  /// Coordinate at + by, mirrored about the first and the last of `count` pixels.
  SCORESDE_HOST_DEVICE static std::uint32_t reflected(std::uint32_t at, std::int32_t by,
                                                      std::uint32_t count) {
    const std::int32_t moved = static_cast<std::int32_t>(at) + by,
                       last = static_cast<std::int32_t>(count) - 1;
    return static_cast<std::uint32_t>(moved < 0 ? -moved : moved > last ? 2 * last - moved : moved);
  }

  // Products with powers of 2 are exact, so contraction to an fma does not change the result.
  SCORESDE_HOST_DEVICE double number(std::uint8_t pixel, std::uint32_t word) const {
    const double u = pixel;
    const double unit = transform_.uniform_dequantization ? (u + uniform(word)) / 256 : u / 255;
    return transform_.centered ? 2 * unit - 1 : unit;
  }

  ImageTransform transform_;
  std::uint32_t place_;
  bool flips_;
  std::int32_t down_ = 0, right_ = 0;
  NoiseDraw dequantization_;
};

}  // namespace scoresde::data
