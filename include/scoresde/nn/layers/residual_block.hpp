// SPDX-License-Identifier: MIT
/// Residual blocks: BigGAN's, which can also resample, and DDPM's.
///
///   h = Conv₀(resample(a(GN₀(x)))) + Dense₀(e)
///   h = Conv₁(dropout(a(GN₁(h)))),   y = (shortcut(resample(x)) + h)·s,   s = 1/√2 or 1
///
/// With scale_shift, (γ, β) = Dense₀(e) is not added to Conv₀; a(GN₁(h)·(1 + γ) + β) replaces
/// a(GN₁(h)). Brock et al. 2019, arXiv:1809.11096, figure 15; Ho et al. 2020, arXiv:2006.11239,
/// appendix B, for the block without resampling; Song et al. 2021, arXiv:2011.13456, appendix H.
#pragma once

#include <optional>
#include <string>

#include <scoresde/nn/graph/graph.hpp>
#include <scoresde/nn/layers/block_settings.hpp>
#include <scoresde/nn/layers/normalization.hpp>
#include <scoresde/nn/layers/resampling.hpp>

namespace scoresde::nn {

/// The input of Conv₁ in the equations above; all parameters, including Conv₁'s, are named under
/// `name`.
inline Tensor residual_branch(Graph& graph, Tensor x, const std::string& name,
                              const ConvolutionSpec& last, Resample direction,
                              const BlockSettings& settings) {
  const Tensor before = activated_normalization(graph, x, name + ".GroupNorm_0", settings);
  const Tensor resampled = resample(graph, before, direction, settings);
  const ConvolutionSpec first{.name = name + ".Conv_0", .out_channels = last.out_channels};
  // In the flat buffer the parameters of a convolution precede those of layers that run before it.
  graph.convolution_weights(resampled, first);
  std::optional<Tensor> time;
  if (settings.embedding)
    time = graph.dense(*settings.embedding, name + ".Dense_0",
                       (settings.scale_shift ? 2 : 1) * last.out_channels);
  Tensor h;
  if (settings.scale_shift) {
    h = group_normalization(graph, graph.convolution(resampled, first), name + ".GroupNorm_1",
                            settings);
    h = graph.activation(graph.scale_shift(h, time.value()), settings.activation);
  } else {
    h = graph.convolution(resampled, first, {.channel_bias = time});
    h = activated_normalization(graph, h, name + ".GroupNorm_1", settings);
  }
  h = graph.dropout(h, settings.dropout);
  graph.convolution_weights(h, last);
  return h;
}

/// Conv₁ of the equations above.
inline ConvolutionSpec last_convolution(const std::string& name, std::size_t out_channels,
                                        const BlockSettings& settings) {
  return {.name = name + ".Conv_1", .out_channels = out_channels, .scale = settings.init_scale};
}

/// Shortcut of the BigGAN block: a 1×1 convolution where channels or resolution change. A pointwise
/// convolution commutes with resampling except for the bias, which a filter preserves only in the
/// interior of the image; therefore only plain upsampling runs the convolution at the lower
/// resolution.
inline Tensor residual_shortcut(Graph& graph, Tensor x, const std::string& name,
                                std::size_t out_channels, Resample direction,
                                const BlockSettings& settings) {
  const bool project = direction != Resample::none || graph.shape(x).c != out_channels;
  const ConvolutionSpec spec{.name = name + ".Conv_2", .out_channels = out_channels, .kernel = 1};
  if (direction == Resample::up && settings.fir.empty())
    return resample(graph, graph.convolution(x, spec), direction, settings);
  const Tensor same = resample(graph, x, direction, settings);
  return project ? graph.convolution(same, spec) : same;
}

/// y of the equations above, BigGAN type.
inline Tensor residual_block(Graph& graph, Tensor x, const std::string& name,
                             std::size_t out_channels, Resample direction,
                             const BlockSettings& settings) {
  const ConvolutionSpec last = last_convolution(name, out_channels, settings);
  const Tensor h = residual_branch(graph, x, name, last, direction, settings);
  const Tensor shortcut = residual_shortcut(graph, x, name, out_channels, direction, settings);
  return graph.convolution(h, last, {.residual = shortcut, .scale = settings.scale()});
}

/// y of the DDPM type: the resolution is unchanged; where the number of channels changes, the
/// shortcut is a pointwise layer NIN_0 with weights (in, out).
inline Tensor ddpm_residual_block(Graph& graph, Tensor x, const std::string& name,
                                  std::size_t out_channels, const BlockSettings& settings) {
  const ConvolutionSpec last = last_convolution(name, out_channels, settings);
  const Tensor h = residual_branch(graph, x, name, last, Resample::none, settings);
  const ConvolutionSpec spec{.name = name + ".NIN_0",
                             .out_channels = out_channels,
                             .kernel = 1,
                             .scale = 0.1,
                             .input_major = true};
  const Tensor shortcut = graph.shape(x).c == out_channels ? x : graph.convolution(x, spec);
  return graph.convolution(h, last, {.residual = shortcut, .scale = settings.scale()});
}

}  // namespace scoresde::nn
