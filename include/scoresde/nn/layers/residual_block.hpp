// SPDX-License-Identifier: MIT
/// The residual block of BigGAN type, which also changes the resolution.
///
///   h = Conv₀(resample(SiLU(GN₀(x)))) + Dense₀(e)
///   h = Conv₁(dropout(SiLU(GN₁(h)))),   y = (shortcut(resample(x)) + h)·s,   s = 1/√2 or 1
///
/// Brock et al. 2019, arXiv:1809.11096, figure 15; Song et al. 2021, arXiv:2011.13456, appendix H.
#pragma once

#include <numbers>
#include <optional>
#include <string>

#include <scoresde/nn/graph.hpp>
#include <scoresde/nn/layers/normalization.hpp>

namespace scoresde::nn {

enum class Resample { none, up, down };

/// What all blocks of a network have in common.
struct BlockSettings {
  std::optional<Tensor> embedding;  ///< SiLU of the time embedding, where conditional
  double dropout = 0;
  double init_scale = 0;  ///< variance scale of the last convolution
  bool skip_rescale = true;
  [[nodiscard]] double scale() const { return skip_rescale ? 1 / std::numbers::sqrt2 : 1.0; }
};

/// Nearest neighbours up, means of 2×2 down.
inline Tensor resample(Graph& graph, Tensor x, Resample how) {
  if (how == Resample::up) return graph.upsample_nearest(x);
  return how == Resample::down ? graph.downsample_mean(x) : x;
}

/// Shortcut of the block: a 1×1 convolution where channels or resolution change. Pointwise layers
/// and resampling commute, so the convolution runs on whichever side has fewer pixels.
inline Tensor residual_shortcut(Graph& graph, Tensor x, const std::string& name,
                                std::size_t out_channels, Resample how) {
  const bool project = how != Resample::none || graph.shape(x).c != out_channels;
  const ConvolutionSpec spec{.name = name + ".Conv_2", .out_channels = out_channels, .kernel = 1};
  if (how == Resample::up) return resample(graph, graph.convolution(x, spec), how);
  const Tensor same = resample(graph, x, how);
  return project ? graph.convolution(same, spec) : same;
}

/// y of the equation above; parameters lie under `name`.
inline Tensor residual_block(Graph& graph, Tensor x, const std::string& name,
                             std::size_t out_channels, Resample how,
                             const BlockSettings& settings) {
  const Tensor before = group_normalization(graph, x, name + ".GroupNorm_0", true);
  const Tensor moved = resample(graph, before, how);
  const ConvolutionSpec first{.name = name + ".Conv_0", .out_channels = out_channels};
  // Conv_0's parameters precede Dense_0's in the flat buffer, though the dense layer runs first.
  graph.convolution_weights(moved, first);
  Tensor h = moved;
  if (settings.embedding) {
    const Tensor bias = graph.dense(*settings.embedding, name + ".Dense_0", out_channels);
    h = graph.convolution(moved, bias, first);
  } else {
    h = graph.convolution(moved, first);
  }
  h = group_normalization(graph, h, name + ".GroupNorm_1", true);
  h = graph.dropout(h, settings.dropout);
  h = graph.convolution(
      h, {.name = name + ".Conv_1", .out_channels = out_channels, .scale = settings.init_scale});
  const Tensor shortcut = residual_shortcut(graph, x, name, out_channels, how);
  return graph.sum_scaled(shortcut, h, settings.scale());
}

}  // namespace scoresde::nn
