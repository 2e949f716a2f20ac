// SPDX-License-Identifier: MIT
/// From a decoded image to one of a data set: crop, resize, round to 8 bits; (height, width, 3) to
/// (3, height, width).
///
/// registry/image_preparations.hpp names what published programs do.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <scoresde/data/rgb_image.hpp>
#include <scoresde/error.hpp>
#include <scoresde/resize.hpp>

namespace scoresde::data {

/// The part of an image that is kept, always in its center.
enum class CenterCrop {
  none,
  square,      ///< of the shorter side
  square_140,  ///< 140 × 140, for CelebA's aligned images of 218 × 178
  square_178   ///< 178 × 178, all columns of CelebA's aligned images
};

/// How resized values become bytes.
enum class ByteRounding {
  nearest,    ///< once, after both axes
  truncated,  ///< once, downward, as a conversion to uint8 does
  each_axis   ///< to the nearest after each axis, as Pillow's 8-bit images
};

/// Values of a resize that leaves the image's range are clipped to 0 … 255.
struct ImagePreparation {
  CenterCrop crop = CenterCrop::square;
  ResizeRule rule = ResizeRule::pil_lanczos;
  ByteRounding rounding = ByteRounding::each_axis;
  /// Height and width afterwards; none: as cropped.
  std::optional<PlaneExtents> size;
};

namespace detail {

/// Top left corner and extents.
struct CropBox {
  std::size_t top = 0, left = 0;
  PlaneExtents extents;
};

/// Odd margins are split as in tf.image.central_crop of score_sde: ⌊margin/2⌋ above and on the
/// left.
[[nodiscard]] inline CropBox crop_box(CenterCrop crop, const PlaneExtents& image) {
  if (crop == CenterCrop::none) return {0, 0, image};
  const std::size_t side = crop == CenterCrop::square_140   ? 140
                           : crop == CenterCrop::square_178 ? 178
                                                            : std::min(image.height, image.width);
  require(side <= image.height && side <= image.width, "the image has ", image.width, " x ",
          image.height, " pixels; its crop needs ", side, " x ", side);
  return {(image.height - side) / 2, (image.width - side) / 2, {side, side}};
}

[[nodiscard]] inline std::uint8_t byte_of(float x, ByteRounding rounding) {
  const float clipped = std::clamp(x, 0.0F, 255.0F);
  return static_cast<std::uint8_t>(rounding == ByteRounding::truncated ? clipped : clipped + 0.5F);
}

}  // namespace detail

/// Prepares one image after the other; reuses its memory. Not thread-safe.
class ImagePreparer {
 public:
  explicit ImagePreparer(const ImagePreparation& preparation) : preparation_(preparation) {}

  /// Extents of a prepared image. Throws Error for an image smaller than its crop.
  [[nodiscard]] PlaneExtents extents_of(const RgbImage& image) const {
    const auto box = detail::crop_box(preparation_.crop, {image.height, image.width});
    return preparation_.size.value_or(box.extents);
  }

  /// Writes the planes of red, green and blue to `out`, which has 3 times the size of extents_of.
  /// Throws Error as extents_of does.
  void operator()(const RgbImage& image, std::span<std::uint8_t> out) {
    const auto box = detail::crop_box(preparation_.crop, {image.height, image.width});
    const PlaneExtents from = box.extents, to = preparation_.size.value_or(from);
    require(out.size() == 3 * to.size(), "image preparation: out has ", out.size(),
            " elements; the image needs ", 3 * to.size());
    plane_.resize(from.size());
    for (std::size_t channel = 0; channel < 3; ++channel) {
      for (std::size_t y = 0; y < from.height; ++y)
        for (std::size_t x = 0; x < from.width; ++x)
          plane_[y * from.width + x] =
              image.pixels[3 * ((box.top + y) * image.width + box.left + x) + channel];
      resize(from, to, out.subspan(channel * to.size(), to.size()));
    }
  }

 private:
  void resize(const PlaneExtents& from, const PlaneExtents& to, std::span<std::uint8_t> out) {
    const float* last = plane_.data();
    if (preparation_.rounding == ByteRounding::each_axis) {
      const PlaneExtents between{from.height, to.width};
      last = resized(from, between, last, columns_);
      for (float& x : columns_) x = detail::byte_of(x, ByteRounding::nearest);
      last = resized(between, to, last, rows_);
    } else {
      last = resized(from, to, last, rows_);
    }
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = detail::byte_of(last[i], preparation_.rounding);
  }
  const float* resized(const PlaneExtents& from, const PlaneExtents& to, const float* x,
                       std::vector<float>& y) {
    y.resize(to.size());
    scratch_.resize(resize_scratch_size(from, to));
    resize_plane(preparation_.rule, from, to, x, y.data(), scratch_.data());
    return y.data();
  }

  ImagePreparation preparation_;
  std::vector<float> plane_, columns_, rows_, scratch_;
};

}  // namespace scoresde::data
