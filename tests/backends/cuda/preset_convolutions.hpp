// SPDX-License-Identifier: MIT
/// The convolutions of the CIFAR-10 presets with their epilogues.
#pragma once

#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include <scoresde/cuda/cudnn_convolution.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/registry/presets.hpp>

namespace scoresde::testing {

struct PresetConvolution {
  nn::Convolution op;
  nn::Shape x;  ///< for one sample
  cuda::Epilogue epilogue;

  [[nodiscard]] auto order() const {
    return std::tuple(op.in_channels, op.out_channels, op.kernel, op.stride, op.pad_before,
                      op.pad_after, x.h, x.w, epilogue);
  }
  bool operator<(const PresetConvolution& other) const { return order() < other.order(); }
  [[nodiscard]] nn::Shape batch(std::size_t n) const { return {n, x.c, x.h, x.w}; }
};

/// The convolutions of one network with their epilogues.
[[nodiscard]] inline std::vector<PresetConvolution> convolutions_of(const nn::Graph& graph) {
  std::vector<PresetConvolution> found;
  for (const nn::Node& node : graph.nodes()) {
    const auto* convolution = std::get_if<nn::node::Convolution>(&node.operation);
    if (convolution == nullptr) continue;
    nn::Convolution op = convolution->shape;
    op.input_major = false;
    found.push_back({op,
                     graph.shape(node.inputs[0]),
                     {.residual = op.residual,
                      .bias = op.bias,
                      .channel_bias = op.channel_bias,
                      .scale = op.scale != 1}});
  }
  return found;
}

/// Those of the named presets, without duplicates.
[[nodiscard]] inline std::vector<PresetConvolution> unique_convolutions(
    const std::vector<std::string>& names) {
  std::set<PresetConvolution> unique;
  for (const std::string& name : names)
    for (const PresetConvolution& found : convolutions_of(nn::unet(nn::preset(name).network)))
      unique.insert(found);
  return {unique.begin(), unique.end()};
}

/// Those of all presets for images of 32×32.
[[nodiscard]] inline std::vector<PresetConvolution> cifar10_convolutions() {
  std::vector<std::string> names;
  for (const nn::Preset& preset : nn::presets())
    if (preset.network.image_size == 32) names.push_back(preset.name);
  return unique_convolutions(names);
}

}  // namespace scoresde::testing
