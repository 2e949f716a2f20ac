// SPDX-License-Identifier: MIT
/// The check of an image's extents by the decoders.
#pragma once

#include <cstddef>
#include <string_view>

#include <scoresde/data/rgb_image.hpp>
#include <scoresde/error.hpp>

namespace scoresde::io::detail {

/// An image of these extents with allocated pixels. Throws Error, before allocation, for an extent
/// of 0 and for more pixels than the limit.
[[nodiscard]] inline data::RgbImage allocate_image(std::string_view format, std::size_t height,
                                                   std::size_t width,
                                                   const data::ImageLimits& limits) {
  require(height > 0 && width > 0 && height <= limits.pixels / width, format, ": the image has ",
          width, " x ", height, " pixels; it must have 1 to ", limits.pixels);
  return {height, width, std::vector<std::uint8_t>(3 * height * width)};
}

}  // namespace scoresde::io::detail
