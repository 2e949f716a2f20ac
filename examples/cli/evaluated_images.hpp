// SPDX-License-Identifier: MIT
/// The images that cifar10_evaluate compares, 8 bits per value, read in pieces.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include <scoresde/data/cifar10.hpp>
#include <scoresde/nn/graph/ops.hpp>

namespace programs {

struct EvaluatedImages {
  std::string name;  ///< for messages and reports
  std::size_t count = 0, channels = 0, height = 0, width = 0;
  std::vector<std::uint32_t> labels;  ///< one per image, or none
  /// Images first, first + 1, …, as many as `pixels` has room for, (channels, height, width) each.
  std::function<void(std::size_t first, std::span<std::uint8_t> pixels)> read;

  [[nodiscard]] std::size_t dim() const { return channels * height * width; }
  [[nodiscard]] scoresde::nn::Shape shape(std::size_t n) const {
    return {n, channels, height, width};
  }
};

/// The images of `path`: samples.safetensors of cifar10_sample, or a folder with it; a .npy of (n,
/// channels, height, width) in [0, 1] or of 8 bits; or a data set as read_data takes them, of which
/// `split` is read. Values are rounded to 8 bits. Throws Error, beginning with `option`, for paths
/// that cannot be read, arrays of another shape, values that are not finite or not of [0, 1], and
/// images of several sizes.
[[nodiscard]] EvaluatedImages open_images(const std::string& option,
                                          const std::filesystem::path& path,
                                          scoresde::data::Split split);

}  // namespace programs
