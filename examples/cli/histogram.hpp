// SPDX-License-Identifier: MIT
/// A histogram as an image: bars of equal width on white, the largest count at full height.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/io/image_grid.hpp>

namespace programs {

/// The number of values in each of `bins` intervals of equal length from the smallest value to the
/// largest. Throws Error for no values or bins.
[[nodiscard]] inline std::vector<std::size_t> histogram(std::span<const double> values,
                                                        std::size_t bins) {
  scoresde::require(!values.empty() && bins > 0, "histogram: ", values.size(), " values in ", bins,
                    " bins; there must be at least one of each");
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  std::vector<std::size_t> counts(bins);
  for (const double value : values) {
    const double at = *high > *low ? (value - *low) / (*high - *low) : 0;
    ++counts[std::min(static_cast<std::size_t>(at * static_cast<double>(bins)), bins - 1)];
  }
  return counts;
}

/// The bars, `bar` pixels wide with a white column between them, in an image of that height.
[[nodiscard]] inline scoresde::io::PngImage histogram_image(std::span<const std::size_t> counts,
                                                            std::size_t bar = 8,
                                                            std::size_t height = 160) {
  scoresde::require(!counts.empty() && bar > 1, "histogram: ", counts.size(), " bars of ", bar,
                    " pixels; there must be at least one, of at least 2");
  const std::size_t largest =
      std::max<std::size_t>(*std::max_element(counts.begin(), counts.end()), 1);
  scoresde::io::PngImage image{height, counts.size() * bar, 3, {}};
  image.pixels.assign(3 * image.height * image.width, 255);
  for (std::size_t row = 0; row < height; ++row)
    for (std::size_t column = 0; column < image.width; ++column) {
      const bool filled = counts[column / bar] * height > (height - 1 - row) * largest;
      if (!filled || column % bar == bar - 1) continue;
      auto* pixel = image.pixels.data() + 3 * (row * image.width + column);
      pixel[0] = 40, pixel[1] = 90, pixel[2] = 160;
    }
  return image;
}

}  // namespace programs
