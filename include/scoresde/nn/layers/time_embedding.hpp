// SPDX-License-Identifier: MIT
/// The embedding of the time label that every residual block receives.
///
///   e = SiLU(W₁ SiLU(W₀ φ(label) + b₀) + b₁),   φ = (sin(label ωᵢ), cos(label ωᵢ))
///
/// Ho et al. 2020, arXiv:2006.11239, appendix B; the sines of Vaswani et al. 2017, section 3.5.
#pragma once

#include <string>

#include <scoresde/nn/graph.hpp>

namespace scoresde::nn {

/// What the blocks see: `channels` sines and cosines through two dense layers of width 4·channels.
/// The outer SiLU is the same in every block and therefore computed once, here.
inline Tensor positional_time_embedding(Graph& graph, std::size_t channels,
                                        const std::string& first, const std::string& second) {
  const Tensor waves = graph.positional_embedding(channels);
  const Tensor hidden = graph.silu(graph.dense(waves, first, 4 * channels));
  return graph.silu(graph.dense(hidden, second, 4 * channels));
}

}  // namespace scoresde::nn
