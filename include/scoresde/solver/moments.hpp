// SPDX-License-Identifier: MIT
/// The weights of interpolatory quadrature, exact for as many moments as there are nodes.
///
///   Σⱼ wⱼ rⱼᵏ = mₖ,   k = 0 … n − 1,   mₖ the moments of the integrand
///
/// Hairer, Nørsett & Wanner, Solving Ordinary Differential Equations I, section III.1, derive the
/// Adams methods this way; exponential multistep methods differ only in the moments.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <utility>

namespace scoresde {

/// The maximum number of nodes.
inline constexpr std::size_t max_nodes = 6;
using NodeValues = std::array<double, max_nodes>;

/// The weights of the first `count` nodes, which must be distinct, for the first `count` moments,
/// by solving the Vandermonde system with partial pivoting.
[[nodiscard]] inline NodeValues match_moments(const NodeValues& nodes, NodeValues moments,
                                              std::size_t count) {
  std::array<NodeValues, max_nodes> rows{};
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t k = 0; k < count; ++k) rows[i][k] = i == 0 ? 1 : rows[i - 1][k] * nodes[k];
  for (std::size_t k = 0; k < count; ++k) {
    std::size_t pivot = k;
    for (std::size_t i = k + 1; i < count; ++i)
      if (std::abs(rows[i][k]) > std::abs(rows[pivot][k])) pivot = i;
    std::swap(rows[k], rows[pivot]);
    std::swap(moments[k], moments[pivot]);
    for (std::size_t i = 0; i < count; ++i) {
      if (i == k) continue;
      const double factor = rows[i][k] / rows[k][k];
      for (std::size_t j = k; j < count; ++j) rows[i][j] -= factor * rows[k][j];
      moments[i] -= factor * moments[k];
    }
  }
  for (std::size_t k = 0; k < count; ++k) moments[k] /= rows[k][k];
  return moments;
}

}  // namespace scoresde
