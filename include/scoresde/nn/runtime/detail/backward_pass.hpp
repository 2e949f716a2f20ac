// SPDX-License-Identifier: MIT
/// BackwardPass: the gradients of all operations of a graph, computed from the last to the first.
///
/// The first operation that reaches a tensor's gradient overwrites it and later ones add to it, so
/// nothing is cleared. Gradients of parameters are added to the caller's buffer.
#pragma once

#include <cstddef>
#include <variant>

#include <scoresde/nn/runtime/detail/forward_pass.hpp>

namespace scoresde::nn::detail {

template <NetworkOps Ops>
class BackwardPass {
  using T = typename Ops::Scalar;
  using A = typename Ops::Activation;

 public:
  /// `dy` is the gradient of the output; `gradient` (of parameters) and `dx` may be null.
  BackwardPass(const Run<Ops>& run, const T* dy, T* gradient, T* dx, NoiseDraw draw)
      : run_(run), dy_(dy), gradient_(gradient), dx_(dx), draw_(draw) {}

  void operator()() {
    const auto& nodes = run_.graph.nodes();
    const Tensor input = run_.graph.input(), output = run_.graph.output();
    if (!run_.plan.uses_external_images()) run_.ops.to_internal_layout(dy_, run_.gradient(output));
    for (node_ = nodes.size(); node_-- > 0;)
      std::visit([&](const auto& operation) { execute(nodes[node_], operation); },
                 nodes[node_].operation);
    if (!run_.plan.uses_external_images() && dx_ != nullptr) {
      const View<A> dx = run_.gradient(input);
      run_.ops.from_internal_layout({dx.data, dx.shape}, dx_);
    }
  }

 private:
  [[nodiscard]] View<const A> in(const Node& node, std::size_t slot = 0) const {
    const View<A> view = run_.activation(node.inputs[slot]);
    return {view.data, view.shape};
  }
  /// The gradient of the node's result.
  [[nodiscard]] View<const A> dy(const Node& node) const {
    if constexpr (Ops::external_layout_is_internal)
      if (node.output == run_.graph.output()) return {dy_, run_.shape(node.output)};
    const View<A> view = run_.gradient(node.output);
    return {view.data, view.shape};
  }
  /// Where the gradient of an operand goes; null where it is not needed.
  [[nodiscard]] Gradient<A> dx(const Node& node, std::size_t slot = 0) const {
    const Tensor t = node.inputs[slot];
    if (t == run_.graph.input()) return {input_gradient(), accumulates(slot)};
    if (!run_.plan.has_gradient(t)) return {};
    return {run_.gradient(t).data, accumulates(slot)};
  }
  [[nodiscard]] A* input_gradient() const {
    if constexpr (Ops::external_layout_is_internal)
      return dx_;
    else
      return dx_ != nullptr ? run_.gradient(run_.graph.input()).data : nullptr;
  }
  [[nodiscard]] bool accumulates(std::size_t slot) const {
    return run_.plan.accumulates(node_, slot);
  }
  [[nodiscard]] T* parameter_gradient(std::size_t index) const {
    if (gradient_ == nullptr || index == Weights::none) return nullptr;
    return gradient_ + run_.graph.parameters()[index].offset;
  }

  void execute(const Node&, const node::PositionalEmbedding&) {}
  void execute(const Node& node, const node::Convolution& op) {
    const ConvolutionGradients<T, A> to{
        .x = dx(node),
        .weights = parameter_gradient(op.weights.weight),
        .bias = parameter_gradient(op.weights.bias),
        .channel_bias = op.shape.channel_bias ? dx(node, 1) : Gradient<A>{},
        .residual = op.shape.residual ? dx(node, op.residual_slot()) : Gradient<A>{}};
    run_.ops.convolution_backward(op.shape, in(node), run_.layer(node_, op.weights), dy(node), to,
                                  run_.scratch);
  }
  void execute(const Node& node, const node::Dense& op) {
    run_.ops.dense_backward(in(node), run_.layer(node_, op.weights), dy(node), dx(node),
                            parameter_gradient(op.weights.weight),
                            parameter_gradient(op.weights.bias), run_.scratch);
  }
  void execute(const Node& node, const node::GroupNorm& op) {
    run_.ops.group_norm_backward(op.norm, in(node), run_.parameter(op.weights.weight),
                                 run_.parameter(op.weights.bias), run_.statistics(node_), dy(node),
                                 dx(node), parameter_gradient(op.weights.weight),
                                 parameter_gradient(op.weights.bias), run_.scratch);
  }
  void execute(const Node& node, const node::Attention& op) {
    run_.ops.attention_backward(op.heads, in(node, 0), in(node, 1), in(node, 2),
                                run_.probabilities(node_), dy(node), dx(node, 0), dx(node, 1),
                                dx(node, 2), run_.scratch);
  }
  void execute(const Node& node, const node::ScaleShift&) {
    run_.ops.scale_shift_backward(in(node, 0), in(node, 1), dy(node), dx(node, 0), dx(node, 1),
                                  run_.scratch);
  }
  void execute(const Node&, const node::FourierEmbedding&) {}
  void execute(const Node& node, const node::ClassEmbedding& op) {
    if (T* table = parameter_gradient(op.weights.weight); table != nullptr)
      run_.ops.class_embedding_backward(run_.conditioning.classes, dy(node), table);
  }
  void execute(const Node& node, const node::Activation& op) {
    run_.ops.activation_backward(op.function, in(node), dy(node), dx(node));
  }
  void execute(const Node& node, const node::Fir& op) {
    run_.ops.fir_backward(op.filter, dy(node), run_.shape(node.inputs[0]), dx(node), run_.scratch);
  }
  void execute(const Node& node, const node::DivideBySigma&) {
    run_.ops.scale_samples_backward(dy(node), run_.conditioning.output_scale, dx(node));
  }
  void execute(const Node& node, const node::UpsampleNearest&) {
    run_.ops.upsample_nearest_backward(dy(node), dx(node));
  }
  void execute(const Node& node, const node::DownsampleMean&) {
    run_.ops.downsample_mean_backward(dy(node), dx(node));
  }
  void execute(const Node& node, const node::Concatenate&) {
    run_.ops.concatenate_backward(dy(node), run_.shape(node.inputs[0]).c, dx(node, 0), dx(node, 1));
  }
  void execute(const Node& node, const node::AddScale& op) {
    run_.ops.scaled_sum_backward(dy(node), op.scale, dx(node, 0), dx(node, 1));
  }
  void execute(const Node& node, const node::Affine& op) {
    run_.ops.affine_backward(dy(node), op.scale, dx(node));
  }
  void execute(const Node& node, const node::Dropout& op) {
    if (run_.plan.dropped(node))
      run_.ops.affine_backward(dy(node), 1.0, dx(node));
    else
      run_.ops.dropout_backward(dy(node), op.rate, dropout_draw(draw_, op.ordinal), dx(node));
  }

  const Run<Ops>& run_;
  const T* dy_;
  T* gradient_;
  T* dx_;
  NoiseDraw draw_;
  std::size_t node_ = 0;
};

}  // namespace scoresde::nn::detail
