// SPDX-License-Identifier: MIT
/// PreparedWeights: offsets of the layers' weights in the backend's prepared form, and their
/// preparation.
///
/// A backend may pack, transpose or round weights. This depends on the parameters only and is done
/// when they change, not in every pass.
#pragma once

#include <cstddef>
#include <vector>

#include <scoresde/nn/graph/graph.hpp>
#include <scoresde/nn/graph/ops.hpp>
#include <scoresde/nn/runtime/detail/activation_plan.hpp>

namespace scoresde::nn {

class PreparedWeights {
 public:
  template <NetworkOps Ops>
  PreparedWeights(const Graph& graph, Mode mode, const Ops& ops) {
    for (const Node& node : graph.nodes()) {
      const NodeShapes shapes = graph.shapes(node, 1);
      const std::size_t size =
          node.visit([&](const auto& op) { return op.prepared_size(ops, shapes, mode); });
      offsets_.push_back(size > 0 ? size_ : none);
      size_ += detail::aligned(size);
    }
  }

  /// Total number of scalars.
  [[nodiscard]] std::size_t size() const { return size_; }

  /// The prepared weights of a node in `memory`; null for a node without any.
  template <class T>
  [[nodiscard]] T* of(std::size_t node, T* memory) const {
    return offsets_[node] == none ? nullptr : memory + offsets_[node];
  }

  /// Writes all prepared weights to `memory` from the flat buffer of parameters.
  template <NetworkOps Ops>
  void prepare(const Graph& graph, const Ops& ops, const typename Ops::Scalar* parameters,
               typename Ops::Scalar* memory) const {
    const auto layer_of = [&](const Weights& w) { return layer(graph, w, parameters); };
    for (std::size_t i = 0; i < offsets_.size(); ++i) {
      if (offsets_[i] == none) continue;
      const Node& node = graph.nodes()[i];
      const NodeShapes shapes = graph.shapes(node, 1);
      node.visit([&](const auto& op) { op.prepare(ops, shapes, layer_of, of(i, memory)); });
    }
  }

  /// A layer's parameters in the flat buffer.
  template <class T>
  [[nodiscard]] static LayerParameters<T> layer(const Graph& graph, const Weights& w,
                                                const T* parameters) {
    const auto at = [&](std::size_t index) {
      return index == Weights::none ? nullptr : parameters + graph.parameters()[index].offset;
    };
    return {at(w.weight), at(w.bias)};
  }

 private:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);
  std::vector<std::size_t> offsets_;
  std::size_t size_ = 0;
};

}  // namespace scoresde::nn
