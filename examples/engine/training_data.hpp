// SPDX-License-Identifier: MIT
/// The data of a training run.
#pragma once

#include <cstddef>

#include <scoresde/data/cifar10.hpp>
#include <scoresde/data/image_stream.hpp>
#include <scoresde/registry/presets.hpp>

#include "cli/train_options.hpp"

namespace programs {

/// The training images of CIFAR-10, or the first ones. Throws Error for more than there are.
[[nodiscard]] inline scoresde::data::ImageSet training_images(const TrainOptions& options) {
  auto images = scoresde::data::read_cifar10(options.data, scoresde::data::Split::train);
  if (options.train_images == 0) return images;
  scoresde::require(options.train_images <= images.size(), "--train-images is ",
                    options.train_images, "; --data has ", images.size(), " training images");
  images.labels.resize(options.train_images);
  images.pixels.resize(options.train_images * images.dim());
  return images;
}
[[nodiscard]] inline scoresde::data::ImageTransform image_transform(
    const scoresde::nn::Preset& preset) {
  return {.centered = preset.network.centered,
          .random_flip = preset.random_flip,
          .uniform_dequantization = preset.uniform_dequantization};
}
/// Images per forward and backward pass.
[[nodiscard]] inline std::size_t network_batch_of(const TrainOptions& options,
                                                  const scoresde::nn::Preset& preset) {
  return options.network_batch > 0 ? options.network_batch : preset.batch_size;
}

}  // namespace programs
