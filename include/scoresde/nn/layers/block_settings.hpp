// SPDX-License-Identifier: MIT
/// Settings shared by all blocks of a network.
#pragma once

#include <algorithm>
#include <cstddef>
#include <numbers>
#include <optional>
#include <vector>

#include <scoresde/nn/graph/graph.hpp>

namespace scoresde::nn {

enum class Resample { none, up, down };

struct BlockSettings {
  std::optional<Tensor> embedding{};  ///< the activated time embedding, if conditional
  Activation activation = Activation::swish;
  double dropout = 0;
  double init_scale = 0;         ///< variance scale of the last convolution
  bool skip_rescale = true;      ///< sums of two branches are divided by √2
  std::size_t fixed_groups = 0;  ///< groups of every normalization; 0: min(C/4, 32)
  double epsilon = 1e-6;         ///< of the normalizations
  std::vector<double> fir{};     ///< taps of resampling; empty: nearest neighbor and means
  bool scale_shift = false;      ///< the embedding scales and shifts after the second normalization
  std::size_t head_channels = 0;    ///< per attention head; 0: one head
  bool normalize_attention = true;  ///< attention begins with a normalization
  bool symmetric_halving = false;   ///< a plain downsampling convolution pads all sides

  [[nodiscard]] double scale() const { return skip_rescale ? 1 / std::numbers::sqrt2 : 1.0; }
  [[nodiscard]] std::size_t groups(std::size_t channels) const {
    return fixed_groups != 0 ? fixed_groups : std::min<std::size_t>(channels / 4, 32);
  }
  [[nodiscard]] std::size_t heads(std::size_t channels) const {
    return head_channels == 0 ? 1 : channels / head_channels;
  }
};

}  // namespace scoresde::nn
