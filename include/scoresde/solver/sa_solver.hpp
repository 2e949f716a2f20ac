// SPDX-License-Identifier: MIT
/// SA-Solver: stochastic Adams predictor-corrector methods for the predicted data.
///
///   x_t = (σ_t/σ_s) e^{−τ²h} x_s + α_t Σⱼ bⱼ D₋ⱼ + σ_t √(1 − e^{−2τ²h}) z
///   bⱼ = ∫ e^{−(1+τ²)(λ_t − λ)} (1 + τ²) ℓⱼ(λ) dλ over the step,   h = λ_t − λ_s,  λ = ln(α/σ)
///
/// ℓⱼ are Lagrange polynomials through the preceding predictions (predictor), and in addition
/// through the one at the predicted x_t (corrector). Xue et al. 2023 (arXiv:2309.05019, NeurIPS
/// 2023), eq. 14 to 18 and algorithm 1, with τ constant over a step.
///
/// For few steps, the published code replaces ∫ e^{−(1+τ²)(λ_t − λ)} (λ − λ_s) dλ by h²/2 in rules
/// of two nodes; few_steps enables this.
///
/// x_t is linear in the preceding x and the corrector uses the same z, so a correction is a linear
/// form of predictions only and is added in the pass of the next predictor.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include <scoresde/solver/moments.hpp>
#include <scoresde/solver/solver.hpp>

namespace scoresde {

template <int PredictorOrder, int CorrectorOrder = PredictorOrder>
struct SaSolver {
  static_assert(PredictorOrder >= 1 && PredictorOrder <= 4,
                "SaSolver: the predictor's order must be 1, 2, 3 or 4");
  static_assert(CorrectorOrder >= 0 && CorrectorOrder <= 4,
                "SaSolver: the corrector's order must be 0 (none), 1, 2, 3 or 4");
  /// The weak order, for τ > 0: that of the corrector if there is one, at most 2. Without noise the
  /// orders are those of the Adams methods.
  static constexpr int order = (CorrectorOrder > 0 ? CorrectorOrder : PredictorOrder) < 2 ? 1 : 2;
  static constexpr std::size_t history = PredictorOrder + (CorrectorOrder > 0 ? 1 : 0) >
                                                 CorrectorOrder
                                             ? PredictorOrder + (CorrectorOrder > 0 ? 1 : 0)
                                             : CorrectorOrder;
  static constexpr Prediction prediction = Prediction::data;

  /// 0 is the probability flow, 1 the reverse SDE.
  double tau = 1;
  /// τ is 0 for steps that start at a σ/α outside [low, high].
  double low = 0, high = std::numeric_limits<double>::infinity();
  /// The last steps use lower orders if the grid has fewer steps than this; 0 disables it.
  std::size_t lower_order_below = 0;
  /// Weigh the slope of D by ½ instead of φ₂ in rules of two nodes, as the published code does.
  bool few_steps = false;

  /// Throws Error unless τ is finite and nonnegative and low ≤ high.
  void validate() const {
    require(std::isfinite(tau) && tau >= 0, "SA-Solver: tau is ", tau,
            "; it must be finite and nonnegative");
    require(low <= high, "SA-Solver: low is ", low, " and high ", high,
            "; low must not exceed high");
  }

  /// Throws Error for noise on an increasing grid.
  template <Sde S>
  [[nodiscard]] std::vector<SolverStage> stages(const S& sde, const TimeGrid& grid) const {
    return stages(sde, grid, grid.size());
  }
  /// The stages of the first steps of a run of `steps`.
  template <Sde S>
  [[nodiscard]] std::vector<SolverStage> stages(const S& sde, const TimeGrid& grid,
                                                std::size_t steps) const {
    require(grid.generates() || tau == 0, "SA-Solver: the grid goes from ", grid.front().t,
            " up to ", grid.back().t_next, "; with noise, time must decrease");
    const std::vector<NoiseLevel> level = noise_levels(sde, grid);
    std::vector<SolverStage> table;
    NodeValues correction{};  // of D₀, D₋₁, … at the start of the stage
    for (std::size_t i = 0; i < grid.size(); ++i) {
      const double h = level[i + 1].lambda - level[i].lambda;
      const double square = tau_squared(level[i]);
      NodeValues nodes{1};  // of D_t, D₀, D₋₁, …
      for (std::size_t j = 0; j + 1 < max_nodes && j <= i; ++j)
        nodes[j + 1] = (level[i - j].lambda - level[i].lambda) / h;
      const auto at_most = [&](int wanted) {
        return static_cast<std::size_t>(order_of_step(wanted, i, steps, lower_order_below));
      };
      const double gain = (1 + square) * level[i + 1].alpha * h, exponent = -(1 + square) * h;
      const NodeValues predicted = adams(nodes, 1, at_most(PredictorOrder), gain, exponent);
      const double state = level[i + 1].sigma / level[i].sigma * std::exp(-square * h);
      SolverStage stage{.time = grid[i], .state = state};
      for (std::size_t j = 0; j < max_nodes; ++j)
        stage.weights[j] = predicted[j] + state * correction[j];
      stage.noise = {level[i + 1].sigma * std::sqrt(-std::expm1(-2 * square * h)), i + 1, grid[i]};
      table.push_back(stage);
      if constexpr (CorrectorOrder > 0) {
        correction = adams(nodes, 0, CorrectorOrder == 1 ? 1 : at_most(CorrectorOrder - 1) + 1,
                           gain, exponent);
        for (std::size_t j = 0; j + 1 < max_nodes; ++j) correction[j + 1] -= predicted[j];
      }
    }
    return table;
  }

 private:
  [[nodiscard]] double tau_squared(const NoiseLevel& level) const {
    const double s = std::exp(-level.lambda);
    return s < low || s > high ? 0 : tau * tau;
  }

  /// The weights of the predictions at `count` nodes from nodes[first] on: ∫₀¹ e^{e(1−θ)} θᵏ dθ =
  /// k! φₖ₊₁(e).
  [[nodiscard]] NodeValues adams(const NodeValues& nodes, std::size_t first, std::size_t count,
                                 double gain, double exponent) const {
    NodeValues chosen{}, moments{};
    double factorial = 1;
    for (std::size_t k = 0; k < count; ++k) {
      chosen[k] = nodes[first + k];
      moments[k] = gain * factorial * phi(static_cast<int>(k) + 1, exponent);
      factorial *= static_cast<double>(k + 1);
    }
    if (few_steps && count == 2) moments[1] = 0.5 * gain;
    return match_moments(chosen, moments, count);
  }
};

}  // namespace scoresde
