// SPDX-License-Identifier: MIT
/// ActivationPlan: places every activation, statistic and gradient in one workspace buffer.
///
/// Every buffer has a lifetime in steps: node i runs forward at step i and, in training, backward
/// at step 2N − 1 − i. Buffers whose lifetimes overlap get disjoint ranges; others may share
/// memory. Placement is greedy by size into the tightest gap (Pisarchyk and Lee 2020,
/// arXiv:2001.03288, section 5.1).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <numeric>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/nn/graph/graph.hpp>

namespace scoresde::nn {

/// What a plan depends on of NetworkOps: the size of feature maps, and whether external images are
/// used in place. This is the default memory layout, (N, C, H, W) without gaps.
struct PlainLayout {
  static constexpr bool external_layout_is_internal = true;
  [[nodiscard]] static constexpr std::size_t activation_size(const Shape& shape) {
    return shape.size();
  }
};

/// A buffer to place: alive from step `first` to step `last`, both included.
struct PlannedBuffer {
  std::size_t size = 0;  ///< scalars
  std::size_t first = 0, last = 0;
  std::size_t offset = 0;
};

namespace detail {

/// Offsets are multiples of this many scalars, so that vector loads stay aligned.
inline constexpr std::size_t plan_alignment = 64;

[[nodiscard]] constexpr std::size_t aligned(std::size_t scalars) {
  return (scalars + plan_alignment - 1) / plan_alignment * plan_alignment;
}

/// The offset of the tightest gap among the buffers already placed with an overlapping lifetime.
[[nodiscard]] inline std::size_t tightest_gap(const std::vector<const PlannedBuffer*>& by_offset,
                                              const PlannedBuffer& b) {
  std::size_t end = 0, best = 0, best_gap = std::numeric_limits<std::size_t>::max();
  for (const PlannedBuffer* other : by_offset) {
    if (other->last < b.first || b.last < other->first) continue;
    if (other->offset > end) {
      const std::size_t gap = other->offset - end;
      if (gap >= b.size && gap < best_gap) {
        best = end;
        best_gap = gap;
      }
    }
    end = std::max(end, other->offset + other->size);
  }
  return best_gap == std::numeric_limits<std::size_t>::max() ? end : best;
}

/// Assigns an offset to every buffer and returns the total number of scalars.
inline std::size_t place(std::vector<PlannedBuffer>& buffers) {
  std::vector<std::size_t> order(buffers.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t i, std::size_t j) { return buffers[i].size > buffers[j].size; });
  std::vector<const PlannedBuffer*> by_offset;
  std::size_t total = 0;
  for (const std::size_t i : order) {
    PlannedBuffer& b = buffers[i];
    b.size = aligned(b.size);
    if (b.size == 0) continue;
    b.offset = tightest_gap(by_offset, b);
    total = std::max(total, b.offset + b.size);
    const auto at = std::upper_bound(
        by_offset.begin(), by_offset.end(), b.offset,
        [](std::size_t offset, const PlannedBuffer* other) { return offset < other->offset; });
    by_offset.insert(at, &b);
  }
  return total;
}

/// Whether the backward pass of the node reads this input's values.
[[nodiscard]] inline bool keeps_input(const Node& node, std::size_t slot) {
  return node.visit([&](const auto& op) { return op.keeps_input(slot); });
}

/// Whether gradients pass through the node.
[[nodiscard]] inline bool has_backward(const Node& node) {
  return node.visit([](const auto& op) { return op.has_backward; });
}

/// Whether the node's result equals its operand in this mode, and shares its memory.
[[nodiscard]] inline bool is_identity(const Node& node, Mode mode) {
  return mode != Mode::training &&
         node.visit([](const auto& op) { return op.identity_outside_training; });
}

}  // namespace detail

/// Offsets in scalars into one workspace, for batches of at most `batch` samples.
class ActivationPlan {
 public:
  /// `layout` is the backend. Throws Error when the batch is empty or the graph computes nothing.
  template <class Layout = PlainLayout>
  ActivationPlan(const Graph& graph, std::size_t batch, Mode mode, const Layout& layout = {})
      : mode_(mode),
        outside_(Layout::external_layout_is_internal),
        nodes_(graph.nodes().size()),
        tensors_(graph.tensors()) {
    require(batch > 0, "activation plan: the batch is 0; it must be positive");
    require(nodes_ > 0, "activation plan: the graph has no operation");
    check_consumers(graph);
    resolve(graph);
    buffers_.resize(2 * tensors_ + nodes_);
    const auto size = [&](Tensor t) { return layout.activation_size(graph.shape(t, batch)); };
    add_activations(graph, size);
    add_statistics(graph, batch, layout);
    if (differentiates(mode)) add_gradients(graph, size);
    find_accumulations(graph);
    size_ = detail::place(buffers_);
  }

  [[nodiscard]] Mode mode() const { return mode_; }
  /// Scalars of the workspace.
  [[nodiscard]] std::size_t size() const { return size_; }
  /// Every buffer with its lifetime; those of size 0 are external or do not exist.
  [[nodiscard]] const std::vector<PlannedBuffer>& buffers() const { return buffers_; }

  /// The tensor that holds the values: outside training, dropout is the identity and shares its
  /// input's.
  [[nodiscard]] Tensor root(Tensor t) const { return {roots_[t.index]}; }
  [[nodiscard]] std::size_t activation(Tensor t) const { return buffers_[root(t).index].offset; }
  [[nodiscard]] std::size_t gradient(Tensor t) const { return buffers_[tensors_ + t.index].offset; }
  /// Whether external images are used in place, outside the workspace.
  [[nodiscard]] bool uses_external_images() const { return outside_; }
  /// Whether the plan has a gradient of the tensor; external images and label embeddings have none.
  [[nodiscard]] bool has_gradient(Tensor t) const { return buffers_[tensors_ + t.index].size > 0; }
  /// Statistics or probabilities of a node.
  [[nodiscard]] std::size_t statistics(std::size_t node) const {
    return buffers_[2 * tensors_ + node].offset;
  }
  /// Whether the backward pass of `node` adds to the gradient of its input `slot`, because a later
  /// consumer has already written it.
  [[nodiscard]] bool accumulates(std::size_t node, std::size_t slot) const {
    return accumulates_[node][slot];
  }
  /// Whether the node is skipped in this mode.
  [[nodiscard]] bool dropped(const Node& node) const { return detail::is_identity(node, mode_); }

 private:
  [[nodiscard]] std::size_t backward_step(std::size_t node) const { return 2 * nodes_ - 1 - node; }

  // A tensor without a consumer would leave its gradient unwritten.
  void check_consumers(const Graph& graph) const {
    std::vector<bool> used(tensors_, false);
    for (const Node& node : graph.nodes())
      for (const Tensor in : node.inputs) used[in.index] = true;
    for (std::size_t t = 0; t < tensors_; ++t)
      require(used[t] != (t == graph.output().index), "activation plan: tensor ", t,
              used[t] ? " is the output and may not be read" : " is never read");
    require(graph.nodes().back().output == graph.output() &&
                !detail::is_identity(graph.nodes().back(), Mode::inference),
            "activation plan: the last operation must produce the output and must not be dropout");
  }

  void find_accumulations(const Graph& graph) {
    accumulates_.resize(nodes_);
    std::vector<bool> written(tensors_, false);
    for (std::size_t i = nodes_; i-- > 0;)
      for (std::size_t slot = 0; slot < graph.nodes()[i].inputs.size(); ++slot) {
        const std::size_t t = graph.nodes()[i].inputs[slot].index;
        accumulates_[i][slot] = written[t];
        written[t] = true;
      }
  }

  void resolve(const Graph& graph) {
    roots_.resize(tensors_);
    std::iota(roots_.begin(), roots_.end(), std::size_t{0});
    for (const Node& node : graph.nodes())
      if (dropped(node)) roots_[node.output.index] = roots_[node.inputs.front().index];
  }

  void add_activations(const Graph& graph, const auto& size) {
    // In inference the input may stay in the caller's memory; a backward pass needs a copy.
    if (differentiates(mode_) || !outside_) buffers_[0].size = size(graph.input());
    for (std::size_t i = 0; i < nodes_; ++i) {
      const Node& node = graph.nodes()[i];
      for (std::size_t slot = 0; slot < node.inputs.size(); ++slot) {
        PlannedBuffer& in = buffers_[root(node.inputs[slot]).index];
        const bool kept = differentiates(mode_) && detail::keeps_input(node, slot);
        in.last = std::max(in.last, kept ? backward_step(i) : i);
      }
      if (dropped(node) || (outside_ && node.output == graph.output())) continue;
      buffers_[node.output.index] = {size(node.output), i, i, 0};
    }
  }

  void add_statistics(const Graph& graph, std::size_t batch, const auto& layout) {
    for (std::size_t i = 0; i < nodes_; ++i) {
      const Node& node = graph.nodes()[i];
      const NodeShapes shapes = graph.shapes(node, batch);
      buffers_[2 * tensors_ + i] = {
          node.visit([&](const auto& op) { return op.statistics(layout, shapes); }), i,
          differentiates(mode_) ? backward_step(i) : i, 0};
    }
  }

  // A gradient lives from the backward step of its tensor's last consumer to that of its producer;
  // that of the input lives to the end.
  void add_gradients(const Graph& graph, const auto& size) {
    for (std::size_t i = 0; i < nodes_; ++i) {
      const Tensor t = graph.nodes()[i].output;
      if ((outside_ && t == graph.output()) || !detail::has_backward(graph.nodes()[i])) continue;
      buffers_[tensors_ + t.index] = {size(t), backward_step(i), backward_step(i), 0};
    }
    if (!outside_)
      buffers_[tensors_ + graph.input().index] = {size(graph.input()), backward_step(0),
                                                  backward_step(0), 0};
    for (std::size_t i = nodes_; i-- > 0;)
      for (const Tensor in : graph.nodes()[i].inputs) {
        PlannedBuffer& g = buffers_[tensors_ + in.index];
        g.first = std::min(g.first, backward_step(i));
      }
  }

  Mode mode_;
  bool outside_;
  std::size_t nodes_ = 0, tensors_ = 0, size_ = 0;
  std::vector<std::size_t> roots_;
  std::vector<std::array<bool, 3>> accumulates_;
  std::vector<PlannedBuffer> buffers_;  // activations, gradients, statistics
};

}  // namespace scoresde::nn
