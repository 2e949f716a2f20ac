// SPDX-License-Identifier: MIT
/// The cost of a network: multiply-adds of one sample's forward pass.
///
/// Convolution: pixels·k²·in·out; dense: in·out; attention: 2·pixels²·C (both products). The
/// backward pass costs twice as much. Elementwise operations are not counted.
#pragma once

#include <cstdint>

#include <scoresde/nn/graph/graph.hpp>

namespace scoresde::nn {

/// Multiply-adds of one forward pass of one sample.
[[nodiscard]] inline std::uint64_t multiply_adds(const Graph& graph) {
  std::uint64_t count = 0;
  for (const Node& node : graph.nodes())
    count += node.visit([&](const auto& op) { return op.multiply_adds(graph.shapes(node, 1)); });
  return count;
}

}  // namespace scoresde::nn
