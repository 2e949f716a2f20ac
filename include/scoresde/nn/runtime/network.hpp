// SPDX-License-Identifier: MIT
/// Network: a graph, its planned memory and a backend's operations, forward and backward.
///
///   y = F(x, label; θ),   backward: (dy) ↦ dθ += (∂F/∂θ)ᵀ dy,  dx = (∂F/∂x)ᵀ dy
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/nn/graph/graph.hpp>
#include <scoresde/nn/graph/ops.hpp>
#include <scoresde/nn/runtime/detail/activation_plan.hpp>
#include <scoresde/nn/runtime/detail/backward_pass.hpp>
#include <scoresde/nn/runtime/detail/forward_pass.hpp>
#include <scoresde/nn/runtime/detail/prepared_weights.hpp>

namespace scoresde::nn {

namespace detail {

/// Scalars of scratch that the largest operation of the graph needs.
template <NetworkOps Ops>
[[nodiscard]] std::size_t scratch_size(const Graph& graph, std::size_t batch, Mode mode,
                                       const Ops& ops) {
  std::size_t size = 0;
  for (const Node& node : graph.nodes()) {
    const NodeShapes shapes = graph.shapes(node, batch);
    size =
        std::max(size, node.visit([&](const auto& op) { return op.scratch(ops, shapes, mode); }));
  }
  return size;
}

/// For each node i the first position of the flat buffer from which on the parameters' gradients
/// are complete when the backward pass has done nodes i, i + 1, …: no earlier node has one of them.
[[nodiscard]] inline std::vector<std::size_t> complete_gradients(const Graph& graph) {
  const ParameterTable& parameters = graph.parameters();
  std::vector<std::size_t> first(graph.nodes().size());
  std::size_t end = 0;  // of the parameters of the nodes before
  for (std::size_t i = 0; i < first.size(); ++i) {
    first[i] = end;
    graph.nodes()[i].visit([&](const auto& op) {
      if constexpr (requires { op.weights; })
        for (const std::size_t index : {op.weights.weight, op.weights.bias})
          if (index != Weights::none)
            end = std::max(end, parameters[index].offset + parameters[index].size);
    });
  }
  return first;
}

/// What the nodes of a graph require of the values that it is conditioned on.
struct ConditioningNeeds {
  std::optional<SigmaLevels> levels;  ///< of the division by σ, if there is one
  std::size_t classes = 0;            ///< that it embeds, 0 if it is unconditional
  bool positive_labels = false;
};

[[nodiscard]] inline ConditioningNeeds conditioning_needs(const Graph& graph) {
  ConditioningNeeds needs;
  for (const Node& node : graph.nodes())
    node.visit([&](const auto& op) {
      if (!needs.levels) needs.levels = op.sigma_levels();
      if (needs.classes == 0) needs.classes = op.classes();
      needs.positive_labels |= op.positive_labels;
    });
  return needs;
}

}  // namespace detail

/// Memory of a Network of this batch and mode in bytes, without its parameters; nothing is built.
template <NetworkOps Ops>
[[nodiscard]] std::size_t workspace_bytes(const Graph& graph, std::size_t batch, Mode mode,
                                          const Ops& ops = Ops()) {
  const std::size_t planned = ActivationPlan(graph, batch, mode, ops).size();
  const std::size_t prepared = PreparedWeights(graph, mode, ops).size();
  return (planned + prepared + detail::scratch_size(graph, batch, mode, ops)) *
         sizeof(typename Ops::Scalar);
}

/// What a backward pass calls after each operation, on the thread that called backward():
/// complete(context, first) where `gradient` is complete from position `first` on; null: nothing.
struct GradientListener {
  void* context = nullptr;
  void (*complete)(void* context, std::size_t first) = nullptr;
};

/// Plans and allocates on construction only. Not thread-safe, because it has one workspace; use one
/// Network per thread.
template <NetworkOps Ops>
class Network {
 public:
  using Scalar = typename Ops::Scalar;

  /// For batches of up to `batch` samples. Throws Error when the batch is 0.
  Network(const Graph& graph, std::size_t batch, Mode mode, Ops ops = Ops())
      : graph_(graph),
        ops_(std::move(ops)),
        plan_(graph_, batch, mode, ops_),
        prepared_(graph_, mode, ops_),
        batch_(batch),
        scratch_(detail::scratch_size(graph_, batch, mode, ops_)),
        workspace_(ops_.allocate(plan_.size() + prepared_.size() + scratch_)),
        complete_from_(detail::complete_gradients(graph_)),
        needs_(detail::conditioning_needs(graph_)),
        factors_(needs_.levels ? batch : 0),
        classes_(needs_.classes > 0 ? batch : 0),
        conditioning_buffer_(ops_.make_conditioning_buffer(batch)) {}

  [[nodiscard]] const ParameterTable& parameters() const { return graph_.parameters(); }
  [[nodiscard]] const Graph& graph() const { return graph_; }
  [[nodiscard]] const Ops& ops() const { return ops_; }
  [[nodiscard]] std::size_t batch() const { return batch_; }
  [[nodiscard]] Mode mode() const { return plan_.mode(); }
  [[nodiscard]] std::size_t workspace_bytes() const { return workspace_.size() * sizeof(Scalar); }
  /// Of one sample: n = 1.
  [[nodiscard]] Shape input_shape() const { return graph_.shape(graph_.input()); }
  [[nodiscard]] Shape output_shape() const { return graph_.shape(graph_.output()); }

  /// Throws Error, beginning with `model`, unless there is one scalar per parameter.
  void require_parameters(const char* model, std::span<const Scalar> buffer) const {
    require(buffer.size() == parameters().size(), model, ": the buffer of parameters has ",
            buffer.size(), " scalars; the network's has ", parameters().size());
  }

  /// Throws Error unless the output has the shape of the input, as a score must.
  void require_score_shape() const {
    const Shape in = input_shape(), out = output_shape();
    require(in == out, "score network: the network maps ", in.c, " channels to ", out.c,
            "; they must be equal");
  }

  /// Number of classes of a class-conditional network, 0 for an unconditional one.
  [[nodiscard]] std::size_t classes() const { return needs_.classes; }

  /// 1/σ(label) where the graph divides by σ, else 1. Throws Error for a label that is not finite
  /// or is not a noise level of the graph.
  [[nodiscard]] double output_factor(double label) const {
    require(std::isfinite(label) && (label > 0 || !needs_.positive_labels), "network: a label is ",
            label, "; it must be ", needs_.positive_labels ? "a positive noise level" : "finite");
    return needs_.levels ? 1 / needs_.levels->sigma(label) : 1;
  }

  /// Declares these parameters constant until thaw() or another freeze(): their weights are
  /// prepared here, once, rather than in every pass with the same memory, which is a large part of
  /// a pass for small batches. Throws Error when their number is not the network's.
  void freeze(std::span<const Scalar> parameters) {
    check("parameters", parameters.size(), graph_.parameters().size());
    prepared_.prepare(graph_, ops_, parameters.data(), prepared_memory());
    frozen_ = parameters.data();
  }
  void thaw() { frozen_ = nullptr; }

  /// y ← F(x, labels, classes). x and y are (n, C, H, W) with n = labels.size() ≤ batch() and must
  /// not overlap. `dropout` selects the masks in training mode; other modes have no dropout.
  /// `classes` holds the class of each sample, below classes() or no_class; empty: no_class for
  /// all. Throws Error for a wrong size or class.
  void forward(std::span<const Scalar> parameters, std::span<const Scalar> x,
               std::span<const double> labels, std::span<Scalar> y, NoiseDraw dropout = {},
               std::span<const std::uint32_t> classes = {}) {
    const std::size_t n = labels.size();
    require(n >= 1 && n <= batch_, "network: ", n, " labels; the network was planned for 1 to ",
            batch_, " samples");
    check("parameters", parameters.size(), graph_.parameters().size());
    check("x", x.size(), n * input_shape().size());
    check("y", y.size(), n * output_shape().size());
    take_classes(classes, n);
    for (std::size_t k = 0; k < n; ++k) {
      const double factor = output_factor(labels[k]);
      if (needs_.levels) factors_[k] = factor;
    }
    conditioning_ = conditioning_buffer_.place(
        {.labels = labels,
         .output_scale = std::span<const double>(factors_).first(needs_.levels ? n : 0),
         .classes = std::span<const std::uint32_t>(classes_).first(needs_.classes > 0 ? n : 0)});
    forward_conditioned(parameters, x.data(), conditioning_, y.data(), dropout);
  }

  /// The same where the labels and all other conditioning values, x and y are already in the
  /// backend's memory. Nothing is checked and nothing is copied to or from the backend.
  void forward_conditioned(std::span<const Scalar> parameters, const Scalar* x,
                           const Conditioning& conditioning, Scalar* y, NoiseDraw dropout = {}) {
    const std::size_t n = conditioning.labels.size();
    dropout_ = dropout;
    conditioning_ = conditioning;
    if (frozen_ != parameters.data()) {
      thaw();
      prepared_.prepare(graph_, ops_, parameters.data(), prepared_memory());
    }
    const auto run = make_run(parameters, n);
    detail::ForwardPass<Ops>(run, x, y, dropout)();
    samples_ = differentiates(plan_.mode()) ? n : 0;
  }

  /// After a forward pass with the same parameters in a mode that differentiates: adds the
  /// parameters' gradient of ⟨y, dy⟩ to `gradient` (layout of parameters(); empty: not computed)
  /// and writes that of x to `dx` (empty: not computed). Only once per forward pass, because
  /// gradients overwrite activations. Throws Error without such a forward pass, and for a wrong
  /// size.
  void backward(std::span<const Scalar> parameters, std::span<const Scalar> dy,
                std::span<Scalar> gradient, std::span<Scalar> dx = {}) {
    require(samples_ > 0,
            "network: each backward pass requires a new forward pass, in a mode "
            "that differentiates");
    check("parameters", parameters.size(), graph_.parameters().size());
    check("dy", dy.size(), samples_ * output_shape().size());
    if (!gradient.empty()) check("gradient", gradient.size(), graph_.parameters().size());
    if (!dx.empty()) check("dx", dx.size(), samples_ * input_shape().size());
    const auto run = make_run(parameters, std::exchange(samples_, 0));
    detail::BackwardPass<Ops> pass(run, dy.data(), gradient.empty() ? nullptr : gradient.data(),
                                   dx.empty() ? nullptr : dx.data(), dropout_);
    pass([this](std::size_t node) {
      if (listener_.complete != nullptr)
        listener_.complete(listener_.context, complete_from_[node]);
    });
  }

  /// Of later backward passes.
  void set_gradient_listener(const GradientListener& listener) { listener_ = listener; }

 private:
  static void check(const char* what, std::size_t found, std::size_t wanted) {
    require(found == wanted, "network: ", what, " holds ", found, " scalars; it must hold ",
            wanted);
  }
  void take_classes(std::span<const std::uint32_t> classes, std::size_t n) {
    require(classes.empty() || needs_.classes > 0, "network: ", classes.size(),
            " classes given; the network is unconditional (num_class_embeds is 0)");
    if (!classes.empty()) check("classes", classes.size(), n);
    for (const std::uint32_t c : classes)
      require(c < needs_.classes || c == no_class, "network: a class is ", c, "; it must be below ",
              needs_.classes, " or no_class");
    if (needs_.classes == 0) return;
    std::fill_n(classes_.begin(), n, no_class);
    std::copy(classes.begin(), classes.end(), classes_.begin());
  }
  [[nodiscard]] Scalar* prepared_memory() { return workspace_.data() + plan_.size(); }
  [[nodiscard]] detail::Run<Ops> make_run(std::span<const Scalar> parameters, std::size_t n) {
    return {.ops = ops_,
            .graph = graph_,
            .plan = plan_,
            .prepared = prepared_,
            .workspace = workspace_.data(),
            .prepared_memory = prepared_memory(),
            .scratch = std::span<Scalar>(prepared_memory() + prepared_.size(), scratch_),
            .parameters = parameters.data(),
            .n = n,
            .conditioning = conditioning_};
  }

  Graph graph_;
  Ops ops_;
  ActivationPlan plan_;
  PreparedWeights prepared_;
  std::size_t batch_, scratch_;
  typename Ops::Buffer workspace_;
  std::vector<std::size_t> complete_from_;  ///< of each node
  GradientListener listener_;
  detail::ConditioningNeeds needs_;
  std::vector<double> factors_;
  std::vector<std::uint32_t> classes_;
  typename Ops::ConditioningBuffer conditioning_buffer_;
  Conditioning conditioning_;       // of the last forward pass
  const Scalar* frozen_ = nullptr;  // parameters with prepared weights
  std::size_t samples_ = 0;         // of the last forward pass; 0 after its backward pass
  NoiseDraw dropout_{};
};

}  // namespace scoresde::nn
