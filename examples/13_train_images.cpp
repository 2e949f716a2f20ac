// SPDX-License-Identifier: MIT
/// Trains a preset on images in memory and writes its weights.
#include <cstdint>
#include <cstdio>
#include <vector>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/data/image_stream.hpp>
#include <scoresde/eigen/ops.hpp>
#include <scoresde/networks.hpp>
#include <scoresde/registry/preset_training.hpp>
#include <scoresde/registry/presets.hpp>

//! [images]
/// 64 images of one color each: bytes in the order (image, channel, row, column).
scoresde::data::ImageSet my_images(std::size_t size) {
  scoresde::data::ImageSet images{3, size, size, {}, {}};  // channels, height, width
  for (std::size_t k = 0; k < 64; ++k)
    for (std::size_t i = 0; i < images.dim(); ++i)
      images.pixels.push_back(std::uint8_t(255 * ((k >> i / (size * size)) & 1)));
  images.labels.resize(64);  // the number of images; a network without classes ignores the values
  return images;
}
//! [images]

/// The preset with a network so small that the example takes a second.
scoresde::nn::Preset shortened(scoresde::nn::Preset preset) {
  preset.network.image_size = 8;
  preset.network.nf = 16;
  preset.network.ch_mult = {1, 1};
  preset.warmup = 10;
  return preset;
}

int main() {
  constexpr std::size_t steps = 60, batch_size = 8;
  std::vector<double> losses;
  //! [train]
  const scoresde::nn::Preset preset = shortened(scoresde::nn::preset("cifar10_small"));
  const scoresde::data::ImageSet images = my_images(preset.network.image_size);
  scoresde::Trainer<scoresde::eigen::Ops<float>, scoresde::ScoreMatching<scoresde::VpSde>> trainer(
      scoresde::nn::unet(preset.network), scoresde::VpSde(),
      scoresde::training_configuration(
          preset, scoresde::DenoisingScoreMatching{.reduce_mean = preset.reduce_mean}, 1),
      batch_size);
  trainer.train_on(images, {.centered = preset.network.centered}, 1, batch_size);
  for (std::size_t step = 0; step < steps; ++step) {
    trainer.step();
    losses.push_back(trainer.report().loss);
  }
  scoresde::save_weights<float>(
      "own_images.safetensors", trainer.parameters(), trainer.state().average,
      scoresde::checkpoint_configuration(preset, trainer.sde(), trainer.configuration()), steps);
  //! [train]
  double before = 0, after = 0;
  for (std::size_t i = 0; i < 10; ++i) before += losses[i], after += losses[steps - 1 - i];
  std::printf("loss %.3f in the first 10 steps, %.3f in the last\n", before / 10, after / 10);
  return after < 0.6 * before ? 0 : 1;
}
