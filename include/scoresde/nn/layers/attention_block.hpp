// SPDX-License-Identifier: MIT
/// Self-attention over the pixels of a feature map, with one or several heads.
///
///   (q, k, v) = NIN₀,₁,₂(GN(x)),   y = (x + NIN₃(v softmax(qᵀk/√C)ᵀ))·s,   s = 1/√2 or 1
///
/// Each head has C/heads consecutive channels and scales by the square root of that number. GN may
/// be omitted. Vaswani et al. 2017, arXiv:1706.03762, equation 1; Ho et al. 2020, arXiv:2006.11239,
/// appendix B.
#pragma once

#include <string>

#include <scoresde/nn/graph/graph.hpp>
#include <scoresde/nn/layers/block_settings.hpp>
#include <scoresde/nn/layers/normalization.hpp>

namespace scoresde::nn {

/// y of the equation above; NIN are pointwise layers with weights (in, out).
inline Tensor attention_block(Graph& graph, Tensor x, const std::string& name,
                              const BlockSettings& settings) {
  const std::size_t channels = graph.shape(x).c;
  const auto pointwise = [&](Tensor in, const char* which, double scale,
                             const ConvolutionEpilogue& epilogue = {}) {
    return graph.convolution(in,
                             {.name = name + which,
                              .out_channels = channels,
                              .kernel = 1,
                              .scale = scale,
                              .input_major = true},
                             epilogue);
  };
  const Tensor h = settings.normalize_attention
                       ? group_normalization(graph, x, name + ".GroupNorm_0", settings)
                       : x;
  const Tensor q = pointwise(h, ".NIN_0", 0.1);
  const Tensor k = pointwise(h, ".NIN_1", 0.1);
  const Tensor v = pointwise(h, ".NIN_2", 0.1);
  const Tensor mixed = graph.attention(q, k, v, settings.heads(channels));
  return pointwise(mixed, ".NIN_3", settings.init_scale,
                   {.residual = x, .scale = settings.scale()});
}

}  // namespace scoresde::nn
