// SPDX-License-Identifier: MIT
/// The images whose likelihoods cifar10_likelihood computes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>

#include <scoresde/data/cifar10.hpp>
#include <scoresde/error.hpp>
#include <scoresde/io/image_grid.hpp>
#include <scoresde/nn/networks/unet_config.hpp>
#include <scoresde/registry/usage_error.hpp>

#include "cli/array_file.hpp"
#include "cli/data_set.hpp"
#include "cli/likelihood_options.hpp"

namespace programs {

namespace detail {

/// An array (n, channels, height, width) of 8 bits, or of [0, 1], which is rounded to 8 bits;
/// without labels.
inline scoresde::data::ImageSet images_of_npy(const std::filesystem::path& path) {
  const auto array = read_array("--data", path);
  scoresde::require(array.shape.size() == 4, "--data: ", path.string(), " has ", array.shape.size(),
                    " dimensions; it must have 4, (n, channels, height, width)");
  scoresde::data::ImageSet set{.channels = array.shape[1],
                               .height = array.shape[2],
                               .width = array.shape[3],
                               .pixels = {},
                               .labels = {}};
  if (array.dtype == "U8") {
    set.pixels = array.as<std::uint8_t>();
    return set;
  }
  for (const float value : array.as<float>()) {
    scoresde::require(value >= -0.5f && value <= 1.5f, "--data: ", path.string(), " holds ", value,
                      "; images must lie in [0, 1], up to the excess of a sampler, or have 8 bits");
    set.pixels.push_back(scoresde::io::byte_of_unit(value));
  }
  return set;
}

}  // namespace detail

/// The images of the options, whose number of images becomes positive. Throws Error for data that
/// cannot be read and images of another size than the network's, and UsageError for numbers of
/// images that the data do not have.
[[nodiscard]] inline scoresde::data::SharedImages likelihood_images(
    LikelihoodOptions& options, const scoresde::nn::UNetConfig& network) {
  using scoresde::require_usage;
  const bool array = options.data.extension() == ".npy";
  require_usage(
      !options.train_split || (!array && kind_of_data(options.data) == DataSetKind::cifar10),
      "--train is for CIFAR-10's folder; --data is ", options.data.string());
  using scoresde::data::Split;
  const scoresde::data::SharedImages images =
      array ? detail::images_of_npy(options.data)
            : read_data(options.data, options.train_split ? Split::train : Split::test);
  const auto& set = images.view();
  scoresde::require(set.channels == network.num_channels && set.height == network.height() &&
                        set.width == network.width(),
                    "--data: the images have ", set.channels, " x ", set.height, " x ", set.width,
                    " values; the network takes ", network.num_channels, " x ", network.height(),
                    " x ", network.width());
  const std::size_t there = set.size();
  require_usage(options.first_image < there, "--first-image is ", options.first_image,
                "; --data has ", there, " images, counted from 0");
  const std::size_t left = there - options.first_image;
  require_usage(options.images <= left, "--images is ", options.images, "; --data has ", left,
                " images from --first-image on");
  if (options.images == 0) options.images = left;
  return images;
}

}  // namespace programs
