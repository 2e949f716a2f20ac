// SPDX-License-Identifier: MIT
/// A training run that takes milliseconds: 8×8 images, a U-Net of a few thousand parameters.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <scoresde/eigen/ops.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/train/trainer.hpp>

namespace scoresde::test {

/// Every branch of the network, including dropout.
inline nn::UNetConfig tiny_network() {
  nn::UNetConfig config;
  config.image_size = 8;
  config.num_channels = 1;
  config.nf = 8;
  config.ch_mult = {1, 2};
  config.num_res_blocks = 1;
  config.attn_resolutions = {4};
  return config;
}

inline TrainingConfiguration tiny_training() {
  return {
      .seed = 7, .loss = {.reduce_mean = true}, .optimizer = {.learning_rate = 2e-3, .warm_up = 4}};
}

template <class T, class S = VpSde>
using TinyTrainer = Trainer<eigen::Ops<T>, ScoreMatching<S>>;

template <class T>
TinyTrainer<T> tiny_trainer(std::size_t network_batch,
                            TrainingConfiguration configuration = tiny_training(),
                            const nn::UNetConfig& network = tiny_network()) {
  return {nn::unet(network), VpSde{}, configuration, network_batch};
}

/// Images with one bright square, at a position that depends on the image.
template <class T>
std::vector<T> tiny_images(std::size_t samples, std::uint64_t step = 0) {
  std::vector<T> images(samples * 64, T(-1));
  for (std::size_t k = 0; k < samples; ++k)
    for (std::size_t i = 0; i < 9; ++i)
      images[k * 64 + 8 * ((k + step) % 5 + i / 3) + (3 * k) % 5 + i % 3] = T(1);
  return images;
}

}  // namespace scoresde::test
