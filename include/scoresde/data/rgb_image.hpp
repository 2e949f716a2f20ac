// SPDX-License-Identifier: MIT
/// RgbImage: one decoded image, as image files hold it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace scoresde::data {

/// 8-bit pixels (height, width, 3): red, green, blue.
struct RgbImage {
  std::size_t height = 0, width = 0;
  std::vector<std::uint8_t> pixels;
};

/// The largest image that a decoder of io/ accepts; checked before memory is allocated for it.
struct ImageLimits {
  std::size_t pixels = std::size_t{1} << 27;  ///< height × width
};

}  // namespace scoresde::data
