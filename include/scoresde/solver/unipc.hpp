// SPDX-License-Identifier: MIT
/// UniPC: a multistep predictor, and a corrector that uses the next step's evaluation.
///
///   predictor:  x_t = a·x + g(φ₁ D₀ + Σₖ ρₖ (D₋ₖ − D₀)/r₋ₖ),   Σₖ ρₖ r₋ₖ^{i−1} = i! φᵢ₊₁
///   corrector:  the same with an additional node at r = 1, the prediction D_t at the predicted x_t
///
/// with a, g, e of solver/solver.hpp, φₖ = φₖ(e), r₋ₖ = (λ₋ₖ − λ)/h, i = 1 … the number of nodes.
/// With a single node, ρ = ½B/e instead, where B = e (bh1) or expm1(e) (bh2). Zhao et al. 2023
/// (arXiv:2302.04867), algorithms 1 to 3 and section 3.1.
///
/// x_t is linear in the preceding x, so a correction is a linear form of predictions only: it is
/// added in the pass of the next predictor, and x before the step is not stored.
#pragma once

#include <array>
#include <cstddef>
#include <limits>
#include <vector>

#include <scoresde/solver/moments.hpp>
#include <scoresde/solver/solver.hpp>

namespace scoresde {

/// B(h) of the rules with one node.
enum class UniPcVariant { bh1, bh2 };

template <int Order>
struct UniPc {
  static_assert(Order >= 1 && Order <= 4, "UniPc: the order must be 1, 2, 3 or 4");
  /// The order of the predictor; the corrector adds one.
  static constexpr int order = Order;
  static constexpr std::size_t history = Order + 1;

  UniPcVariant variant = UniPcVariant::bh2;
  Prediction prediction = Prediction::data;
  /// Correct at every time except the last, where it would require an additional evaluation.
  bool corrector = true;
  /// The last steps use lower orders if the grid has fewer steps than this; 0 disables it.
  std::size_t lower_order_below = std::numeric_limits<std::size_t>::max();

  template <Sde S>
  [[nodiscard]] std::vector<SolverStage> stages(const S& sde, const TimeGrid& grid) const {
    return stages(sde, grid, grid.size());
  }
  /// The stages of the first steps of a run of `steps`.
  template <Sde S>
  [[nodiscard]] std::vector<SolverStage> stages(const S& sde, const TimeGrid& grid,
                                                std::size_t steps) const {
    const std::vector<NoiseLevel> level = noise_levels(sde, grid);
    std::vector<SolverStage> table(grid.size());
    NodeValues correction{};  // of D₀, D₋₁, … at the start of the stage
    for (std::size_t i = 0; i < grid.size(); ++i) {
      const auto now = static_cast<std::size_t>(order_of_step(Order, i, steps, lower_order_below));
      const ExponentialStep step(prediction, level[i], level[i + 1]);
      NodeValues nodes{};
      for (std::size_t k = 1; k < now; ++k)
        nodes[k - 1] = (level[i - k].lambda - level[i].lambda) / step.length;
      nodes[now - 1] = 1;
      const NodeValues predicted = weights(step, nodes, now - 1);
      table[i] = {.time = grid[i], .state = step.state};
      for (std::size_t j = 0; j < max_nodes; ++j)
        table[i].weights[j] = predicted[j] + step.state * correction[j];
      correction = {};
      if (!corrector) continue;
      const NodeValues corrected = weights(step, nodes, now);
      correction[0] = corrected[now];
      for (std::size_t j = 0; j < now; ++j) correction[j + 1] = corrected[j] - predicted[j];
    }
    return table;
  }

 private:
  /// The weights of D₀ and of the predictions at the first `count` nodes.
  [[nodiscard]] NodeValues weights(const ExponentialStep& step, const NodeValues& nodes,
                                   std::size_t count) const {
    const double one = phi(1, step.exponent);
    NodeValues rho{};
    if (count == 1) {
      rho[0] = 0.5 * (variant == UniPcVariant::bh2 ? one : 1);
    } else {
      double factorial = 1;
      for (std::size_t i = 0; i < count; ++i) {
        factorial *= static_cast<double>(i + 1);
        rho[i] = factorial * phi(static_cast<int>(i) + 2, step.exponent);
      }
      rho = match_moments(nodes, rho, count);
    }
    NodeValues weights{one};
    for (std::size_t k = 0; k < count; ++k) {
      weights[k + 1] = rho[k] / nodes[k];
      weights[0] -= weights[k + 1];
    }
    for (double& weight : weights) weight *= step.gain;
    return weights;
  }
};

}  // namespace scoresde
