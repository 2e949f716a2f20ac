// SPDX-License-Identifier: MIT
/// A classifier of 8×8 images of one channel in two classes, of a few thousand parameters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <scoresde/nn/networks/classifier_config.hpp>

namespace scoresde::test {

inline nn::ClassifierConfig tiny_classifier(nn::Pooling pooling = nn::Pooling::attention) {
  nn::ClassifierConfig config{{}, {.classes = 2, .pooling = pooling}};
  config.encoder.image_size = 8;
  config.encoder.num_channels = 1;
  config.encoder.nf = 8;
  config.encoder.ch_mult = {1, 2};
  config.encoder.num_res_blocks = 1;
  config.encoder.attn_resolutions = {};
  config.encoder.dropout = 0;
  return config;
}

/// Image k is bright at the top if k is even, at the bottom if it is odd.
template <class T>
std::vector<T> two_classes(std::size_t samples) {
  std::vector<T> images(samples * 64, T(-1));
  for (std::size_t k = 0; k < samples; ++k)
    for (std::size_t i = 0; i < 32; ++i) images[k * 64 + 32 * (k % 2) + i] = T(1);
  return images;
}
inline std::vector<std::uint32_t> labels_of_two_classes(std::size_t samples) {
  std::vector<std::uint32_t> labels;
  for (std::uint32_t k = 0; k < samples; ++k) labels.push_back(k % 2);
  return labels;
}

}  // namespace scoresde::test
