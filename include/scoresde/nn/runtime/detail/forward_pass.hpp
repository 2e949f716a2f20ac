// SPDX-License-Identifier: MIT
/// ForwardPass: runs the operations of a graph in order over planned memory.
///
/// Only this and backward_pass.hpp convert tensor numbers to pointers.
#pragma once

#include <cstddef>
#include <span>
#include <type_traits>
#include <variant>

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

  [[nodiscard]] Shape shape(Tensor t) const {
    Shape s = graph.shape(t);
    s.n = n;
    return s;
  }
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
  [[nodiscard]] T* statistics(std::size_t node) const { return workspace + plan.kept(node); }
  [[nodiscard]] A* probabilities(std::size_t node) const { return feature_maps(statistics(node)); }

  /// Workspace memory as feature maps.
  [[nodiscard]] static A* feature_maps(T* memory) {
    if constexpr (std::is_same_v<A, T>)
      return memory;
    else
      return reinterpret_cast<A*>(memory);
  }
};

template <NetworkOps Ops>
class ForwardPass {
  using T = typename Ops::Scalar;
  using A = typename Ops::Activation;

 public:
  /// `x` and `y` are the external images; dropout derives its masks from `draw`.
  ForwardPass(const Run<Ops>& run, const T* x, T* y, NoiseDraw draw)
      : run_(run), x_(x), y_(y), draw_(draw) {}

  void operator()() {
    const auto& nodes = run_.graph.nodes();
    // The backward pass reads the input again.
    if (differentiates(run_.plan.mode()) || !run_.plan.uses_external_images())
      run_.ops.to_internal_layout(x_, run_.activation(run_.graph.input()));
    for (node_ = 0; node_ < nodes.size(); ++node_)
      if (!run_.plan.dropped(nodes[node_]))
        std::visit([&](const auto& operation) { execute(nodes[node_], operation); },
                   nodes[node_].operation);
    if (!run_.plan.uses_external_images()) {
      const View<A> y = run_.activation(run_.graph.output());
      run_.ops.from_internal_layout({y.data, y.shape}, y_);
    }
  }

 private:
  [[nodiscard]] View<const A> in(const Node& node, std::size_t slot = 0) const {
    const Tensor t = node.inputs[slot];
    if constexpr (Ops::external_layout_is_internal)
      if (run_.plan.root(t) == run_.graph.input()) return {x_, run_.shape(t)};
    const View<A> view = run_.activation(t);
    return {view.data, view.shape};
  }
  [[nodiscard]] View<A> out(const Node& node) const {
    if constexpr (Ops::external_layout_is_internal)
      if (node.output == run_.graph.output()) return {y_, run_.shape(node.output)};
    return run_.activation(node.output);
  }

  void execute(const Node& node, const node::PositionalEmbedding& op) {
    run_.ops.positional_embedding(op.embedding, run_.conditioning.labels, out(node));
  }
  void execute(const Node& node, const node::Convolution& op) {
    const ConvolutionTerms<A> terms{
        .channel_bias = op.shape.channel_bias ? in(node, 1).data : nullptr,
        .residual = op.shape.residual ? in(node, op.residual_slot()).data : nullptr};
    run_.ops.convolution(op.shape, in(node), run_.layer(node_, op.weights), terms, out(node),
                         run_.scratch);
  }
  void execute(const Node& node, const node::Dense& op) {
    run_.ops.dense(in(node), run_.layer(node_, op.weights), out(node), run_.scratch);
  }
  void execute(const Node& node, const node::GroupNorm& op) {
    run_.ops.group_norm(op.norm, in(node), run_.parameter(op.weights.weight),
                        run_.parameter(op.weights.bias), out(node), run_.statistics(node_),
                        run_.scratch);
  }
  void execute(const Node& node, const node::Attention& op) {
    run_.ops.attention(op.heads, in(node, 0), in(node, 1), in(node, 2), out(node),
                       run_.probabilities(node_), run_.scratch);
  }
  void execute(const Node& node, const node::ScaleShift&) {
    run_.ops.scale_shift(in(node, 0), in(node, 1), out(node));
  }
  void execute(const Node& node, const node::Activation& op) {
    run_.ops.activation(op.function, in(node), out(node));
  }
  void execute(const Node& node, const node::Fir& op) {
    run_.ops.fir(op.filter, in(node), out(node), run_.scratch);
  }
  void execute(const Node& node, const node::FourierEmbedding& op) {
    run_.ops.fourier_embedding(run_.conditioning.labels, run_.parameter(op.weights.weight),
                               out(node));
  }
  void execute(const Node& node, const node::ClassEmbedding& op) {
    run_.ops.class_embedding(run_.conditioning.classes, run_.parameter(op.weights.weight),
                             out(node));
  }
  void execute(const Node& node, const node::DivideBySigma&) {
    run_.ops.scale_samples(in(node), run_.conditioning.output_scale, out(node));
  }
  void execute(const Node& node, const node::UpsampleNearest&) {
    run_.ops.upsample_nearest(in(node), out(node));
  }
  void execute(const Node& node, const node::DownsampleMean&) {
    run_.ops.downsample_mean(in(node), out(node));
  }
  void execute(const Node& node, const node::Concatenate&) {
    run_.ops.concatenate(in(node, 0), in(node, 1), out(node));
  }
  void execute(const Node& node, const node::AddScale& op) {
    run_.ops.scaled_sum(in(node, 0), in(node, 1), op.scale, out(node));
  }
  void execute(const Node& node, const node::Affine& op) {
    run_.ops.affine(in(node), op.scale, op.shift, out(node));
  }
  void execute(const Node& node, const node::Dropout& op) {
    run_.ops.dropout(in(node), op.rate, dropout_draw(draw_, op.ordinal), out(node));
  }

  const Run<Ops>& run_;
  const T* x_;
  T* y_;
  NoiseDraw draw_;
  std::size_t node_ = 0;
};

}  // namespace scoresde::nn::detail
