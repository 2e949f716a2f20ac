// SPDX-License-Identifier: MIT
/// The cost of a network: multiply-adds of one sample's forward pass.
///
/// Convolution: pixels·k²·in·out; dense: in·out; attention: 2·pixels²·C (both products). The
/// backward pass costs twice as much. Elementwise operations are not counted.
#pragma once

#include <cstdint>
#include <variant>

#include <scoresde/nn/graph/graph.hpp>

namespace scoresde::nn {

/// Multiply-adds of one forward pass of one sample.
[[nodiscard]] inline std::uint64_t multiply_adds(const Graph& graph) {
  std::uint64_t count = 0;
  for (const Node& node : graph.nodes()) {
    const Shape out = graph.shape(node.output);
    if (const auto* op = std::get_if<node::Convolution>(&node.operation))
      count += std::uint64_t{op->shape.weight_size()} * out.pixels();
    if (std::holds_alternative<node::Dense>(node.operation))
      count += std::uint64_t{graph.shape(node.inputs[0]).c} * out.c;
    if (std::holds_alternative<node::Attention>(node.operation))
      count += 2 * std::uint64_t{out.pixels()} * out.pixels() * out.c;
  }
  return count;
}

}  // namespace scoresde::nn
