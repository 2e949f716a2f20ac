// SPDX-License-Identifier: MIT
/// Group normalization in min(C/4, 32) groups (NCSN++) or a fixed number (DDPM: 32).
///
/// Wu and He 2018, arXiv:1803.08494, equation 1; Song et al. 2021, arXiv:2011.13456, appendix H.
#pragma once

#include <string>

#include <scoresde/nn/graph/graph.hpp>
#include <scoresde/nn/layers/block_settings.hpp>

namespace scoresde::nn {

/// y ← GroupNorm(x). Parameters: name.weight, name.bias. Throws Error when the groups do not divide
/// the channels.
inline Tensor group_normalization(Graph& graph, Tensor x, const std::string& name,
                                  const BlockSettings& settings) {
  const std::size_t groups = settings.groups(graph.shape(x).c);
  return graph.group_norm(x, name, {.groups = groups, .epsilon = settings.epsilon, .silu = false});
}

/// y ← activation(GroupNorm(x)), fused for SiLU.
inline Tensor activated_normalization(Graph& graph, Tensor x, const std::string& name,
                                      const BlockSettings& settings) {
  const bool fused = settings.activation == Activation::swish;
  const std::size_t groups = settings.groups(graph.shape(x).c);
  const Tensor h =
      graph.group_norm(x, name, {.groups = groups, .epsilon = settings.epsilon, .silu = fused});
  return fused ? h : graph.activation(h, settings.activation);
}

}  // namespace scoresde::nn
