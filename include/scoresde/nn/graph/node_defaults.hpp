// SPDX-License-Identifier: MIT
/// NodeDefaults: what plans, passes and costs depend on of a node, and its value for most kinds.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <scoresde/error.hpp>
#include <scoresde/nn/graph/ops.hpp>

namespace scoresde::nn {

/// The number of a tensor of the graph.
struct Tensor {
  std::size_t index = 0;
  constexpr bool operator==(const Tensor&) const = default;
};

/// Indices into the parameter table; `bias` may be none.
struct Weights {
  static constexpr std::size_t none = static_cast<std::size_t>(-1);
  std::size_t weight = none, bias = none;
};

/// The shapes of a node's operands, at most three.
using InputShapes = std::array<Shape, 3>;

/// The shapes of a node's operands and of its result.
struct NodeShapes {
  InputShapes in;
  Shape out;
};

/// Noise levels that a network divides its output by: labels are σ, or indices of `count` levels in
/// decreasing order from σ_max, geometric from σ_max to σ_min.
struct SigmaLevels {
  std::size_t count = 0;
  double sigma_min = 0, sigma_max = 0;

  /// σ of a label: the label itself, or level ⌊label⌋ of exp(linspace(ln σ_max, ln σ_min, count)).
  /// Throws Error for a label that is not a noise level.
  [[nodiscard]] double sigma(double label) const {
    double sigma = label;
    if (count > 0) {
      const auto last = static_cast<double>(count - 1);
      require(label >= 0 && label < last + 1, "network: the label ", label,
              " is not the index of a noise level; their number is ", count);
      const double u = std::floor(label) / last;
      sigma = std::exp(std::lerp(std::log(sigma_max), std::log(sigma_min), u));
    }
    require(sigma > 0 && std::isfinite(sigma), "network: the label ", label,
            " is not a noise level; it must be positive and finite");
    return sigma;
  }
};

namespace detail {

/// Throws Error unless the shapes are equal.
inline void require_equal(const Shape& p, const Shape& q, const char* what) {
  require(p == q, what, ": shapes (", p.c, ", ", p.h, ", ", p.w, ") and (", q.c, ", ", q.h, ", ",
          q.w, ") differ");
}

}  // namespace detail

/// The members of a node that has no weights, no scratch, no statistics, and whose backward pass
/// reads gradients only. Sizes are in Scalars.
struct NodeDefaults {
  /// Whether gradients pass through the node; false where it has neither operands nor a parameter
  /// that is trained.
  static constexpr bool has_backward = true;
  /// Whether the result equals the operand in modes other than training, so that both share memory.
  static constexpr bool identity_outside_training = false;
  /// Whether the operands must be different tensors, because their gradients are written at once.
  static constexpr bool distinct_inputs = false;
  /// Whether labels must be positive.
  static constexpr bool positive_labels = false;

  /// Whether the backward pass reads the values of this operand.
  [[nodiscard]] static constexpr bool keeps_input(std::size_t) { return false; }
  /// Scratch of both passes.
  [[nodiscard]] static std::size_t scratch(const auto& /*ops*/, const NodeShapes&, Mode) {
    return 0;
  }
  /// Size of the weights in the form that the backend prepares; 0: none.
  [[nodiscard]] static std::size_t prepared_size(const auto& /*ops*/, const NodeShapes&, Mode) {
    return 0;
  }
  /// Writes that form; layer(weights) is a LayerParameters.
  static void prepare(const auto& /*ops*/, const NodeShapes&, const auto& /*layer*/,
                      auto* /*prepared*/) {}
  /// Size of what the forward pass stores in addition to the result, for the backward pass.
  [[nodiscard]] static std::size_t statistics(const auto& /*layout*/, const NodeShapes&) {
    return 0;
  }
  /// Multiply-adds of a forward pass; elementwise operations are not counted.
  [[nodiscard]] static constexpr std::uint64_t multiply_adds(const NodeShapes&) { return 0; }
  /// Number of classes that the node embeds.
  [[nodiscard]] static constexpr std::size_t classes() { return 0; }
  /// The noise levels that the node divides by.
  [[nodiscard]] static constexpr std::optional<SigmaLevels> sigma_levels() { return {}; }
};

}  // namespace scoresde::nn
