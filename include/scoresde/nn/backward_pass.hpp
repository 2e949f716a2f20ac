// SPDX-License-Identifier: MIT
/// BackwardPass: runs the operations of a graph from the last to the first, gradients for values.
///
/// The first operation to reach a tensor's gradient writes it, the others add to it, so nothing is
/// cleared. Gradients of parameters are added to the caller's buffer.
#pragma once

#include <cstddef>
#include <variant>

#include <scoresde/nn/forward_pass.hpp>

namespace scoresde::nn::detail {

template <NetworkOps Ops>
class BackwardPass {
  using T = typename Ops::Scalar;

 public:
  /// `dy` is the gradient of the output; `gradient` (of parameters) and `dx` may be null.
  BackwardPass(const Run<Ops>& run, const T* dy, T* gradient, T* dx, NoiseDraw draw)
      : run_(run), dy_(dy), gradient_(gradient), dx_(dx), draw_(draw) {}

  void operator()() {
    const auto& nodes = run_.graph.nodes();
    for (node_ = nodes.size(); node_-- > 0;)
      std::visit([&](const auto& operation) { execute(nodes[node_], operation); },
                 nodes[node_].operation);
  }

 private:
  [[nodiscard]] View<const T> in(const Node& node, std::size_t slot = 0) const {
    const Tensor t = node.inputs[slot];
    return {run_.workspace + run_.plan.activation(t), run_.shape(t)};
  }
  /// The gradient of the node's result.
  [[nodiscard]] View<const T> dy(const Node& node) const {
    const bool door = node.output == run_.graph.output();
    return {door ? dy_ : run_.workspace + run_.plan.gradient(node.output), run_.shape(node.output)};
  }
  /// Where the gradient of an operand goes; null where nobody asks for it.
  [[nodiscard]] Gradient<T> dx(const Node& node, std::size_t slot = 0) const {
    const Tensor t = node.inputs[slot];
    if (!run_.plan.has_gradient(t))
      return {t == run_.graph.input() ? dx_ : nullptr, accumulates(slot)};
    return {run_.workspace + run_.plan.gradient(t), accumulates(slot)};
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
    const Gradient<T> channel_bias = node.inputs.size() > 1 ? dx(node, 1) : Gradient<T>{};
    run_.ops.convolution_backward(op.shape, in(node), run_.parameter(op.weights.weight), dy(node),
                                  dx(node), parameter_gradient(op.weights.weight),
                                  parameter_gradient(op.weights.bias), channel_bias, run_.scratch);
  }
  void execute(const Node& node, const node::Dense& op) {
    run_.ops.dense_backward(in(node), run_.parameter(op.weights.weight), dy(node), dx(node),
                            parameter_gradient(op.weights.weight),
                            parameter_gradient(op.weights.bias), run_.scratch);
  }
  void execute(const Node& node, const node::GroupNorm& op) {
    run_.ops.group_norm_backward(op.norm, in(node), run_.parameter(op.weights.weight),
                                 run_.parameter(op.weights.bias), run_.kept(node_), dy(node),
                                 dx(node), parameter_gradient(op.weights.weight),
                                 parameter_gradient(op.weights.bias), run_.scratch);
  }
  void execute(const Node& node, const node::Attention&) {
    run_.ops.attention_backward(in(node, 0), in(node, 1), in(node, 2), run_.kept(node_), dy(node),
                                dx(node, 0), dx(node, 1), dx(node, 2), run_.scratch);
  }
  void execute(const Node&, const node::FourierEmbedding&) {}
  void execute(const Node& node, const node::ClassEmbedding& op) {
    if (T* table = parameter_gradient(op.weights.weight); table != nullptr)
      run_.ops.class_embedding_backward(run_.classes, dy(node), table);
  }
  void execute(const Node& node, const node::Activation& op) {
    run_.ops.activation_backward(op.function, in(node), dy(node), dx(node));
  }
  void execute(const Node& node, const node::Fir& op) {
    run_.ops.fir_backward(op.filter, dy(node), run_.shape(node.inputs[0]), dx(node), run_.scratch);
  }
  void execute(const Node& node, const node::DivideBySigma&) {
    run_.ops.scale_samples_backward(dy(node), run_.factors, dx(node));
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
  void execute(const Node& node, const node::SumScaled& op) {
    run_.ops.sum_scaled_backward(dy(node), op.scale, dx(node, 0), dx(node, 1));
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
