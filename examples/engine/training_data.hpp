// SPDX-License-Identifier: MIT
/// The data of a training run.
#pragma once

#include <algorithm>
#include <cstddef>

#include <scoresde/data/cifar10.hpp>
#include <scoresde/data/image_set.hpp>
#include <scoresde/data/image_stream.hpp>
#include <scoresde/error.hpp>
#include <scoresde/nn/graph/ops.hpp>
#include <scoresde/registry/presets.hpp>

#include "cli/data_set.hpp"
#include "cli/train_options.hpp"

namespace programs {

/// The training images of --data, or the first ones. Throws Error for more than there are.
[[nodiscard]] inline scoresde::data::SharedImages training_images(const TrainOptions& options) {
  auto images = read_data(options.data, scoresde::data::Split::train);
  if (options.train_images == 0) return images;
  scoresde::require(options.train_images <= images.size(), "--train-images is ",
                    options.train_images, "; --data has ", images.size(), " training images");
  return images.part(0, options.train_images);
}
/// The first images for held-out losses: of --test-data, or of CIFAR-10's test set. Throws Error
/// if there are none or they have other extents than the network's.
[[nodiscard]] inline scoresde::data::SharedImages test_images(const TrainOptions& options,
                                                              const scoresde::nn::Shape& shape) {
  const bool given = !options.test_data.empty();
  scoresde::require(given || kind_of_data(options.data) == DataSetKind::cifar10,
                    "--test-data is missing: the images of the held-out loss; only CIFAR-10's "
                    "folder has a test set");
  const auto set = read_data(given ? options.test_data : options.data, scoresde::data::Split::test);
  const auto& view = set.view();
  scoresde::require(view.channels == shape.c && view.height == shape.h && view.width == shape.w,
                    "--test-data: the images have ", view.channels, " x ", view.height, " x ",
                    view.width, " values; the network takes ", shape.c, " x ", shape.h, " x ",
                    shape.w);
  return set.part(0, std::min(options.held_out_images, set.size()));
}
[[nodiscard]] inline scoresde::data::ImageTransform image_transform(
    const scoresde::nn::Preset& preset) {
  return {.centered = preset.network.centered,
          .random_flip = preset.random_flip,
          .uniform_dequantization = preset.uniform_dequantization,
          .random_shift = preset.random_shift};
}
/// Images per forward and backward pass.
[[nodiscard]] inline std::size_t network_batch_of(const TrainOptions& options,
                                                  const scoresde::nn::Preset& preset) {
  return options.network_batch > 0 ? options.network_batch
                                   : preset.batch_size / options.batch_parts();
}

}  // namespace programs
