// SPDX-License-Identifier: MIT
/// ForwardPass: runs the operations of a graph in order over planned memory.
///
/// Only this and backward_pass.hpp convert tensor numbers to pointers.
#pragma once

#include <cstddef>
#include <span>
#include <type_traits>

#include <scoresde/nn/graph/graph.hpp>
#include <scoresde/nn/graph/ops.hpp>
#include <scoresde/nn/runtime/detail/activation_plan.hpp>
#include <scoresde/nn/runtime/detail/prepared_weights.hpp>
#include <scoresde/noise/noise.hpp>

namespace scoresde::nn::detail {

/// The noise of one dropout layer: the caller's draw with the layer's ordinal in bits 40 to 55 of
/// its index, so that draws with indices below 2⁴⁰ do not collide.
[[nodiscard]] constexpr NoiseDraw dropout_draw(NoiseDraw draw, std::size_t ordinal) {
  draw.index += static_cast<std::uint64_t>(ordinal) << 40;
  return draw;
}

/// The data of one run; the pointers are to the backend's memory.
template <NetworkOps Ops>
struct Run {
  using T = typename Ops::Scalar;
  using A = typename Ops::Activation;
  const Ops& ops;
  const Graph& graph;
  const ActivationPlan& plan;
  const PreparedWeights& prepared;
  T* workspace;
  const T* prepared_memory;
  std::span<T> scratch;
  const T* parameters;
  std::size_t n;  ///< samples of this run
  Conditioning conditioning;

  [[nodiscard]] Shape shape(Tensor t) const { return graph.shape(t, n); }
  [[nodiscard]] const T* parameter(std::size_t index) const {
    if (index == Weights::none) return nullptr;
    return parameters + graph.parameters()[index].offset;
  }
  [[nodiscard]] LayerParameters<T> layer(std::size_t node, const Weights& w) const {
    LayerParameters<T> found = PreparedWeights::layer(graph, w, parameters);
    found.prepared = prepared.of(node, prepared_memory);
    return found;
  }
  [[nodiscard]] View<A> activation(Tensor t) const {
    return {feature_maps(workspace + plan.activation(t)), shape(t)};
  }
  [[nodiscard]] View<A> gradient(Tensor t) const {
    return {feature_maps(workspace + plan.gradient(t)), shape(t)};
  }
  /// Statistics that the node's forward pass stores for its backward pass.
  [[nodiscard]] T* statistics(std::size_t node) const { return workspace + plan.statistics(node); }

  /// Workspace memory as feature maps.
  [[nodiscard]] static A* feature_maps(T* memory) {
    if constexpr (std::is_same_v<A, T>)
      return memory;
    else
      return reinterpret_cast<A*>(memory);
  }
};

/// What both passes give the node that they run (nn/graph/nodes.hpp).
template <NetworkOps Ops>
class Pass {
 public:
  using Scalar = typename Ops::Scalar;
  using Activation = typename Ops::Activation;

  [[nodiscard]] const Ops& ops() const { return run_.ops; }
  [[nodiscard]] const Conditioning& conditioning() const { return run_.conditioning; }
  [[nodiscard]] std::span<Scalar> scratch() const { return run_.scratch; }
  [[nodiscard]] const Scalar* parameter(std::size_t index) const { return run_.parameter(index); }
  [[nodiscard]] LayerParameters<Scalar> layer(const Weights& w) const {
    return run_.layer(node_, w);
  }
  /// What the forward pass stores for the backward pass: statistics, or feature maps.
  [[nodiscard]] Scalar* statistics() const { return run_.statistics(node_); }
  [[nodiscard]] Activation* probabilities() const { return Run<Ops>::feature_maps(statistics()); }
  /// The noise of a dropout layer.
  [[nodiscard]] NoiseDraw mask(std::size_t ordinal) const { return dropout_draw(draw_, ordinal); }

 protected:
  Pass(const Run<Ops>& run, NoiseDraw draw) : run_(run), draw_(draw) {}

  [[nodiscard]] const Node& node() const { return run_.graph.nodes()[node_]; }

  const Run<Ops>& run_;
  NoiseDraw draw_;
  std::size_t node_ = 0;
};

template <NetworkOps Ops>
class ForwardPass : public Pass<Ops> {
  using T = typename Ops::Scalar;
  using A = typename Ops::Activation;
  using Pass<Ops>::run_, Pass<Ops>::node_, Pass<Ops>::node;

 public:
  /// `x` and `y` are the external images; dropout derives its masks from `draw`.
  ForwardPass(const Run<Ops>& run, const T* x, T* y, NoiseDraw draw)
      : Pass<Ops>(run, draw), x_(x), y_(y) {}

  void operator()() {
    // The backward pass reads the input again.
    if (differentiates(run_.plan.mode()) || !run_.plan.uses_external_images())
      run_.ops.to_internal_layout(x_, run_.activation(run_.graph.input()));
    for (node_ = 0; node_ < run_.graph.nodes().size(); ++node_)
      if (!run_.plan.dropped(node())) node().visit([&](const auto& op) { op.forward(*this); });
    if (!run_.plan.uses_external_images()) {
      const View<A> y = run_.activation(run_.graph.output());
      run_.ops.from_internal_layout({y.data, y.shape}, y_);
    }
  }

  [[nodiscard]] View<const A> in(std::size_t slot) const {
    const Tensor t = node().inputs[slot];
    if constexpr (Ops::external_layout_is_internal)
      if (run_.plan.root(t) == run_.graph.input()) return {x_, run_.shape(t)};
    const View<A> view = run_.activation(t);
    return {view.data, view.shape};
  }
  [[nodiscard]] View<A> out() const {
    if constexpr (Ops::external_layout_is_internal)
      if (node().output == run_.graph.output()) return {y_, run_.shape(node().output)};
    return run_.activation(node().output);
  }

 private:
  const T* x_;
  T* y_;
};

}  // namespace scoresde::nn::detail
