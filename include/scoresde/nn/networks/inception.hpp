// SPDX-License-Identifier: MIT
/// Inception-v3 as published by TensorFlow on 2015-12-05, the network of FID and Inception scores,
/// as a graph for inference.
///
/// Szegedy et al. 2016 (arXiv:1512.00567), figures 5 to 7 and table 1, with the differences of that
/// file: average pools divide by the pixels inside the image, the last block pools by maxima, and
/// there are 1008 classes. Every convolution is followed by batch normalization with ε = 10⁻³ and
/// fixed statistics, which is a part of its weights, and by max(v, 0):
///
///   W' = W γ/√(v + ε),   b' = β − m γ/√(v + ε)
///
/// Parameters are `<module>.weight` and `<module>.bias` with the modules of torchvision's
/// inception_v3, such as Mixed_6b.branch7x7dbl_3, and fc.weight and fc.bias.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <initializer_list>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <scoresde/nn/graph/graph.hpp>
#include <scoresde/nn/networks/inception_config.hpp>

namespace scoresde::nn {

/// ε of the batch normalizations.
inline constexpr double inception_epsilon = 1e-3;

/// Extents of the input of the first convolution.
inline constexpr std::size_t inception_extent = 299;

namespace detail {

/// One convolution of a branch: its module, output channels, kernel and stride. Kernels of stride 1
/// keep the extents; those of stride 2 have no padding.
struct InceptionLayer {
  const char* module;
  std::size_t channels, height = 1, width = 1, stride = 1;
};

class InceptionBuilder {
 public:
  explicit InceptionBuilder(const InceptionConfig& config)
      : config_(config), graph_(3, config.height, config.width) {}

  [[nodiscard]] Graph build() {
    Tensor x = stem_to_64(input());
    if (finishes(InceptionOutput::features_64, x)) return finished();
    x = stem_to_192(x);
    if (finishes(InceptionOutput::features_192, x)) return finished();
    x = block_17(blocks_35(x));
    for (const auto& [name, channels] :
         {std::pair{"Mixed_6b.", std::size_t{128}}, std::pair{"Mixed_6c.", std::size_t{160}},
          std::pair{"Mixed_6d.", std::size_t{160}}, std::pair{"Mixed_6e.", std::size_t{192}}})
      x = factorized_block(x, name, channels);
    if (finishes(InceptionOutput::features_768, x)) return finished();
    x = wide_block(wide_block(block_8(x), "Mixed_7b.", false), "Mixed_7c.", true);
    const Tensor pool = graph_.mean(x);
    take(InceptionOutput::features_2048, pool);
    for (const bool bias : {false, true})
      if (const auto output = bias ? InceptionOutput::logits : InceptionOutput::logits_unbiased;
          wants(output))
        taken_.push_back(graph_.dense(pool, "fc", size_of(output), bias));
    return finished();
  }

 private:
  [[nodiscard]] bool wants(InceptionOutput output) const {
    return std::count(config_.outputs.begin(), config_.outputs.end(), output) != 0;
  }
  void take(InceptionOutput output, Tensor vector) {
    if (wants(output)) taken_.push_back(vector);
  }
  /// Takes the means of x if they are an output; true after the last output.
  [[nodiscard]] bool finishes(InceptionOutput output, Tensor x) {
    if (wants(output)) taken_.push_back(graph_.mean(x));
    return config_.outputs.back() == output;
  }
  [[nodiscard]] Graph finished() {
    graph_.set_output(joined(taken_));
    return std::move(graph_);
  }

  [[nodiscard]] Tensor input() {
    const InceptionInput in = input_of(config_.convention);
    nn::Resize to{.rule = in.rule, .height = inception_extent, .width = inception_extent};
    if (in.clipped) {
      to.lowest = 0;
      to.highest = 255;
    }
    return graph_.affine(graph_.resize(graph_.input(), to), in.scale, in.shift);
  }

  /// Branches one after the other along channels; pairs first, which copies least.
  [[nodiscard]] Tensor joined(std::vector<Tensor> parts) {
    while (parts.size() > 1) {
      std::vector<Tensor> pairs;
      for (std::size_t i = 0; i + 1 < parts.size(); i += 2)
        pairs.push_back(graph_.concatenate(parts[i], parts[i + 1]));
      if (parts.size() % 2 == 1) pairs.push_back(parts.back());
      parts = std::move(pairs);
    }
    return parts.front();
  }

  [[nodiscard]] Tensor convolution(Tensor x, const std::string& block,
                                   const InceptionLayer& layer) {
    const bool keeps = layer.stride == 1;
    return graph_.rectangular_convolution(x, block + layer.module,
                                          {.out_channels = layer.channels,
                                           .height = layer.height,
                                           .width = layer.width,
                                           .stride = layer.stride,
                                           .pad_rows = keeps ? (layer.height - 1) / 2 : 0,
                                           .pad_columns = keeps ? (layer.width - 1) / 2 : 0});
  }
  [[nodiscard]] Tensor branch(Tensor x, const std::string& block,
                              std::initializer_list<InceptionLayer> layers) {
    for (const InceptionLayer& layer : layers) x = convolution(x, block, layer);
    return x;
  }
  /// A convolution of the stem without padding.
  [[nodiscard]] Tensor unpadded(Tensor x, const char* module, std::size_t channels,
                                std::size_t kernel, std::size_t stride = 1) {
    return graph_.rectangular_convolution(
        x, module, {.out_channels = channels, .height = kernel, .width = kernel, .stride = stride});
  }
  [[nodiscard]] Tensor halving_max_pool(Tensor x) {
    return graph_.max_pool(x, {.height = 3, .width = 3, .stride = 2});
  }
  /// Pooling of 3×3 pixels and a pointwise convolution. Means over the pixels inside the image
  /// commute with W ∗ x + b, and are computed after it, of fewer channels.
  [[nodiscard]] Tensor pool_branch(Tensor x, const std::string& block, std::size_t channels,
                                   bool maximum = false) {
    constexpr nn::AveragePool windows{.height = 3, .width = 3, .stride = 1, .pad = 1};
    if (maximum) return convolution(graph_.max_pool(x, windows), block, {"branch_pool", channels});
    const Tensor linear = graph_.rectangular_convolution(x, block + "branch_pool",
                                                         {.out_channels = channels, .relu = false});
    return graph_.activation(graph_.average_pool(linear, windows), Activation::relu);
  }

  [[nodiscard]] Tensor stem_to_64(Tensor x) {
    x = unpadded(x, "Conv2d_1a_3x3", 32, 3, 2);
    x = unpadded(x, "Conv2d_2a_3x3", 32, 3);
    return halving_max_pool(convolution(x, "", {"Conv2d_2b_3x3", 64, 3, 3}));
  }
  [[nodiscard]] Tensor stem_to_192(Tensor x) {
    x = unpadded(x, "Conv2d_3b_1x1", 80, 1);
    return halving_max_pool(unpadded(x, "Conv2d_4a_3x3", 192, 3));
  }

  /// Mixed_5b to 5d, 35 × 35: figure 5.
  [[nodiscard]] Tensor blocks_35(Tensor x) {
    for (const auto& [name, pool_channels] :
         {std::pair{"Mixed_5b.", std::size_t{32}}, std::pair{"Mixed_5c.", std::size_t{64}},
          std::pair{"Mixed_5d.", std::size_t{64}}}) {
      const Tensor point = branch(x, name, {{"branch1x1", 64}});
      const Tensor five = branch(x, name, {{"branch5x5_1", 48}, {"branch5x5_2", 64, 5, 5}});
      const Tensor twice = branch(
          x, name,
          {{"branch3x3dbl_1", 64}, {"branch3x3dbl_2", 96, 3, 3}, {"branch3x3dbl_3", 96, 3, 3}});
      x = joined({point, five, twice, pool_branch(x, name, pool_channels)});
    }
    return x;
  }

  /// Mixed_6a, to 17 × 17.
  [[nodiscard]] Tensor block_17(Tensor x) {
    const std::string name = "Mixed_6a.";
    const Tensor once = branch(x, name, {{"branch3x3", 384, 3, 3, 2}});
    const Tensor twice = branch(
        x, name,
        {{"branch3x3dbl_1", 64}, {"branch3x3dbl_2", 96, 3, 3}, {"branch3x3dbl_3", 96, 3, 3, 2}});
    return joined({once, twice, halving_max_pool(x)});
  }

  /// Mixed_6b to 6e, 17 × 17: figure 6 with n = 7.
  [[nodiscard]] Tensor factorized_block(Tensor x, const std::string& name, std::size_t c) {
    const Tensor point = branch(x, name, {{"branch1x1", 192}});
    const Tensor once =
        branch(x, name, {{"branch7x7_1", c}, {"branch7x7_2", c, 1, 7}, {"branch7x7_3", 192, 7, 1}});
    const Tensor twice = branch(x, name,
                                {{"branch7x7dbl_1", c},
                                 {"branch7x7dbl_2", c, 7, 1},
                                 {"branch7x7dbl_3", c, 1, 7},
                                 {"branch7x7dbl_4", c, 7, 1},
                                 {"branch7x7dbl_5", 192, 1, 7}});
    return joined({point, once, twice, pool_branch(x, name, 192)});
  }

  /// Mixed_7a, to 8 × 8.
  [[nodiscard]] Tensor block_8(Tensor x) {
    const std::string name = "Mixed_7a.";
    const Tensor once = branch(x, name, {{"branch3x3_1", 192}, {"branch3x3_2", 320, 3, 3, 2}});
    const Tensor factorized = branch(x, name,
                                     {{"branch7x7x3_1", 192},
                                      {"branch7x7x3_2", 192, 1, 7},
                                      {"branch7x7x3_3", 192, 7, 1},
                                      {"branch7x7x3_4", 192, 3, 3, 2}});
    return joined({once, factorized, halving_max_pool(x)});
  }

  /// Mixed_7b and 7c, 8 × 8: figure 7.
  [[nodiscard]] Tensor wide_block(Tensor x, const std::string& name, bool maximum) {
    const Tensor point = branch(x, name, {{"branch1x1", 320}});
    const Tensor once = branch(x, name, {{"branch3x3_1", 384}});
    const Tensor once_rows = branch(once, name, {{"branch3x3_2a", 384, 1, 3}});
    const Tensor once_columns = branch(once, name, {{"branch3x3_2b", 384, 3, 1}});
    const Tensor twice = branch(x, name, {{"branch3x3dbl_1", 448}, {"branch3x3dbl_2", 384, 3, 3}});
    const Tensor twice_rows = branch(twice, name, {{"branch3x3dbl_3a", 384, 1, 3}});
    const Tensor twice_columns = branch(twice, name, {{"branch3x3dbl_3b", 384, 3, 1}});
    return joined({point, once_rows, once_columns, twice_rows, twice_columns,
                   pool_branch(x, name, 192, maximum)});
  }

  const InceptionConfig& config_;
  Graph graph_;
  std::vector<Tensor> taken_;
};

}  // namespace detail

/// The network as a graph from pixels in 0 … 255, (3, height, width), to the outputs, one vector
/// per sample. Throws Error as checked_size does.
[[nodiscard]] inline Graph inception(const InceptionConfig& config) {
  static_cast<void>(checked_size(config));
  return detail::InceptionBuilder(config).build();
}

}  // namespace scoresde::nn
