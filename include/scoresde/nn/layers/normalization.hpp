// SPDX-License-Identifier: MIT
/// Group normalisation as NCSN++ sets it: min(C/4, 32) groups, ε = 10⁻⁶.
///
/// Wu and He 2018, arXiv:1803.08494, equation 1; Song et al. 2021, arXiv:2011.13456, appendix H.
#pragma once

#include <algorithm>
#include <string>

#include <scoresde/nn/graph.hpp>

namespace scoresde::nn {

/// y ← GroupNorm(x), followed by SiLU where asked. Parameters: name.weight, name.bias.
/// Throws Error when the groups do not divide the channels.
inline Tensor group_normalization(Graph& graph, Tensor x, const std::string& name, bool silu) {
  const std::size_t channels = graph.shape(x).c;
  const std::size_t groups = std::min<std::size_t>(channels / 4, 32);
  return graph.group_norm(x, name, {.groups = groups, .epsilon = 1e-6, .silu = silu});
}

}  // namespace scoresde::nn
