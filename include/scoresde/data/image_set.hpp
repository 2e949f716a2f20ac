// SPDX-License-Identifier: MIT
/// ImageSet: a data set of images in host memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace scoresde::data {

/// Labeled images of 8-bit pixels, (n, channels, height, width).
struct ImageSet {
  std::size_t channels = 0, height = 0, width = 0;
  std::vector<std::uint8_t> pixels;
  std::vector<std::uint8_t> labels;

  [[nodiscard]] std::size_t size() const { return labels.size(); }
  /// Bytes per image.
  [[nodiscard]] std::size_t dim() const { return channels * height * width; }
  /// Image i, (channels, height, width).
  [[nodiscard]] std::span<const std::uint8_t> image(std::size_t i) const {
    return {pixels.data() + i * dim(), dim()};
  }
};

}  // namespace scoresde::data
