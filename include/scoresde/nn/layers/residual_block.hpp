// SPDX-License-Identifier: MIT
/// Residual blocks: of BigGAN type, which also change the resolution, and of DDPM.
///
///   h = Conv₀(resample(a(GN₀(x)))) + Dense₀(e)
///   h = Conv₁(dropout(a(GN₁(h)))),   y = (shortcut(resample(x)) + h)·s,   s = 1/√2 or 1
///
/// Brock et al. 2019, arXiv:1809.11096, figure 15; Ho et al. 2020, arXiv:2006.11239, appendix B,
/// for the block without resampling; Song et al. 2021, arXiv:2011.13456, appendix H.
#pragma once

#include <string>

#include <scoresde/nn/graph.hpp>
#include <scoresde/nn/layers/block_settings.hpp>
#include <scoresde/nn/layers/normalization.hpp>
#include <scoresde/nn/layers/resampling.hpp>

namespace scoresde::nn {

enum class BlockType { biggan, ddpm };

/// The branch h of the equations above; parameters lie under `name`.
inline Tensor residual_branch(Graph& graph, Tensor x, const std::string& name,
                              std::size_t out_channels, Resample how,
                              const BlockSettings& settings) {
  const Tensor before = activated_normalization(graph, x, name + ".GroupNorm_0", settings);
  const Tensor moved = resample(graph, before, how, settings);
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
  h = activated_normalization(graph, h, name + ".GroupNorm_1", settings);
  h = graph.dropout(h, settings.dropout);
  return graph.convolution(
      h, {.name = name + ".Conv_1", .out_channels = out_channels, .scale = settings.init_scale});
}

/// Shortcut of the BigGAN block: a 1×1 convolution where channels or resolution change. Pointwise
/// layers and resampling commute but for the bias, which a filter leaves alone only inside the
/// image; so the convolution runs on the smaller side of a plain doubling alone.
inline Tensor residual_shortcut(Graph& graph, Tensor x, const std::string& name,
                                std::size_t out_channels, Resample how,
                                const BlockSettings& settings) {
  const bool project = how != Resample::none || graph.shape(x).c != out_channels;
  const ConvolutionSpec spec{.name = name + ".Conv_2", .out_channels = out_channels, .kernel = 1};
  if (how == Resample::up && settings.fir.empty())
    return resample(graph, graph.convolution(x, spec), how, settings);
  const Tensor same = resample(graph, x, how, settings);
  return project ? graph.convolution(same, spec) : same;
}

/// y of the equations above, of BigGAN type.
inline Tensor residual_block(Graph& graph, Tensor x, const std::string& name,
                             std::size_t out_channels, Resample how,
                             const BlockSettings& settings) {
  const Tensor h = residual_branch(graph, x, name, out_channels, how, settings);
  const Tensor shortcut = residual_shortcut(graph, x, name, out_channels, how, settings);
  return graph.sum_scaled(shortcut, h, settings.scale());
}

/// y of DDPM's type: the resolution stays; where channels change, the shortcut is a pointwise layer
/// NIN_0 with weights (in, out).
inline Tensor ddpm_residual_block(Graph& graph, Tensor x, const std::string& name,
                                  std::size_t out_channels, const BlockSettings& settings) {
  const Tensor h = residual_branch(graph, x, name, out_channels, Resample::none, settings);
  const ConvolutionSpec spec{.name = name + ".NIN_0",
                             .out_channels = out_channels,
                             .kernel = 1,
                             .scale = 0.1,
                             .input_major = true};
  const Tensor shortcut = graph.shape(x).c == out_channels ? x : graph.convolution(x, spec);
  return graph.sum_scaled(shortcut, h, settings.scale());
}

}  // namespace scoresde::nn
