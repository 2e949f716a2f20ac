// SPDX-License-Identifier: MIT
/// The embedding of the time label, and of a class, that every residual block receives.
///
///   e = a(W₁ a(W₀ φ(label) + b₀) + b₁ + E[class]),   a the activation,  E[no class] = 0
///   φ = (sin(label ωᵢ), cos(label ωᵢ))               (positional)
///   φ = (sin(2πwᵢ ln σ), cos(2πwᵢ ln σ)), σ the label  (Fourier)
///
/// Ho et al. 2020, arXiv:2006.11239, appendix B; positional features: Vaswani et al. 2017, section
/// 3.5; random Fourier features: Tancik et al. 2020, arXiv:2006.10739, equation 5.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include <scoresde/nn/graph/graph.hpp>

namespace scoresde::nn {

/// Applies two dense layers of `width` to the features φ and adds the embedding of the class, if
/// any. The outer activation is the same in every block and is therefore computed once, here.
inline Tensor time_embedding(Graph& graph, Tensor features, std::size_t width,
                             const std::string& first, const std::string& second, Activation a,
                             std::optional<Tensor> classes = std::nullopt) {
  const Tensor hidden = graph.activation(graph.dense(features, first, width), a);
  Tensor e = graph.dense(hidden, second, width);
  if (classes) e = graph.scaled_sum(e, *classes, 1);
  return graph.activation(e, a);
}

}  // namespace scoresde::nn
