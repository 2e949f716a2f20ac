// SPDX-License-Identifier: MIT
/// From the pixels of an image to the numbers of a batch, on every backend: flip, dequantization,
/// normalization. Every random choice is a function of (seed, epoch, position).
///
///   x = u/255 or (u + v)/256, v ~ U(0, 1);   centered: 2x − 1
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
};

/// What a data draw is used for: the low bits of its index; the epoch is in the bits above.
enum class DataChoice : std::uint64_t { order = 0, flip = 1, dequantization = 2 };

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
        dequantization_(data_draw(seed, epoch, DataChoice::dequantization)) {}

  /// Writes elements 4·quad … 4·quad + 3, those below `dim`, to x. `pixels` and x are the whole
  /// image, in rows of `width`.
  template <class T>
  SCORESDE_HOST_DEVICE void write(const std::uint8_t* pixels, std::uint32_t width,
                                  std::uint32_t dim, std::uint32_t quad, T* x) const {
    PhiloxBlock words{};
    if (transform_.uniform_dequantization) words = noise_words(dequantization_, place_, quad);
    for (unsigned i = 0; i < 4; ++i)
      if (4 * quad + i < dim) {
        const std::uint32_t e = 4 * quad + i;
        const std::uint32_t source = flips_ ? e + width - 1 - 2 * (e % width) : e;
        x[e] = static_cast<T>(number(pixels[source], words.word[i]));
      }
  }

 private:
  // Products with powers of 2 are exact, so contraction to an fma does not change the result.
  SCORESDE_HOST_DEVICE double number(std::uint8_t pixel, std::uint32_t word) const {
    const double u = pixel;
    const double unit = transform_.uniform_dequantization ? (u + uniform(word)) / 256 : u / 255;
    return transform_.centered ? 2 * unit - 1 : unit;
  }

  ImageTransform transform_;
  std::uint32_t place_;
  bool flips_;
  NoiseDraw dequantization_;
};

}  // namespace scoresde::data
