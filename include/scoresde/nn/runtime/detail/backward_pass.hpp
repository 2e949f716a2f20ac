// SPDX-License-Identifier: MIT
/// BackwardPass: the gradients of all operations of a graph, computed from the last to the first.
///
/// The first operation that reaches a tensor's gradient overwrites it and later ones add to it, so
/// nothing is cleared. Gradients of parameters are added to the caller's buffer.
#pragma once

#include <cstddef>

#include <scoresde/nn/runtime/detail/forward_pass.hpp>

namespace scoresde::nn::detail {

template <NetworkOps Ops>
class BackwardPass : public Pass<Ops> {
  using T = typename Ops::Scalar;
  using A = typename Ops::Activation;
  using Pass<Ops>::run_, Pass<Ops>::node_, Pass<Ops>::node;

 public:
  /// `dy` is the gradient of the output; `gradient` (of parameters) and `dx` may be null.
  BackwardPass(const Run<Ops>& run, const T* dy, T* gradient, T* dx, NoiseDraw draw)
      : Pass<Ops>(run, draw), dy_(dy), gradient_(gradient), dx_(dx) {}

  /// Calls done(i) after node i.
  template <class Done>
  void operator()(const Done& done) {
    const Tensor input = run_.graph.input(), output = run_.graph.output();
    if (!run_.plan.uses_external_images()) run_.ops.to_internal_layout(dy_, run_.gradient(output));
    for (node_ = run_.graph.nodes().size(); node_-- > 0; done(node_))
      if (run_.plan.dropped(node()))
        run_.ops.affine_backward(dy(), 1.0, dx(0));
      else
        node().visit([&]<class Op>(const Op& op) {
          if constexpr (Op::has_backward) op.backward(*this);
        });
    if (!run_.plan.uses_external_images() && dx_ != nullptr) {
      const View<A> dx = run_.gradient(input);
      run_.ops.from_internal_layout({dx.data, dx.shape}, dx_);
    }
  }

  [[nodiscard]] View<const A> in(std::size_t slot) const {
    const View<A> view = run_.activation(node().inputs[slot]);
    return {view.data, view.shape};
  }
  /// The gradient of the node's result.
  [[nodiscard]] View<const A> dy() const {
    const Tensor output = node().output;
    if constexpr (Ops::external_layout_is_internal)
      if (output == run_.graph.output()) return {dy_, run_.shape(output)};
    const View<A> view = run_.gradient(output);
    return {view.data, view.shape};
  }
  /// Where the gradient of an operand goes; null where it is not needed.
  [[nodiscard]] Gradient<A> dx(std::size_t slot) const {
    const Tensor t = node().inputs[slot];
    const bool accumulates = run_.plan.accumulates(node_, slot);
    if (t == run_.graph.input()) return {input_gradient(), accumulates};
    if (!run_.plan.has_gradient(t)) return {};
    return {run_.gradient(t).data, accumulates};
  }
  [[nodiscard]] T* parameter_gradient(std::size_t index) const {
    if (gradient_ == nullptr || index == Weights::none) return nullptr;
    return gradient_ + run_.graph.parameters()[index].offset;
  }

 private:
  [[nodiscard]] A* input_gradient() const {
    if constexpr (Ops::external_layout_is_internal)
      return dx_;
    else
      return dx_ != nullptr ? run_.gradient(run_.graph.input()).data : nullptr;
  }

  const T* dy_;
  T* gradient_;
  T* dx_;
};

}  // namespace scoresde::nn::detail
