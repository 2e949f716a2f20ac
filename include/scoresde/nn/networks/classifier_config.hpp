// SPDX-License-Identifier: MIT
/// ClassifierConfig: the fields of a noise-conditional classifier: those of the way down of a U-Net
/// and of the last layers. registry/classifier_configuration.hpp defines their text form in files.
#pragma once

#include <cstddef>

#include <scoresde/nn/networks/unet_config.hpp>

namespace scoresde::nn {

/// How the features of all pixels become one vector.
enum class Pooling { mean, attention };

/// The last layers of a classifier.
struct ClassifierHead {
  std::size_t classes = 10;
  Pooling pooling = Pooling::attention;  ///< heads of encoder.attention_head_dim channels
  bool operator==(const ClassifierHead&) const = default;
};

/// The encoder's fields of the way up are not used.
struct ClassifierConfig {
  UNetConfig encoder;
  ClassifierHead head{};
  bool operator==(const ClassifierConfig&) const = default;
};

}  // namespace scoresde::nn
