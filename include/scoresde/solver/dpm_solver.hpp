// SPDX-License-Identifier: MIT
/// DPM-Solver and DPM-Solver++ as multistep methods: one evaluation a step.
///
///   order 1 (DDIM):  x_t = a·x + g φ₁ D₀
///   order 2:         … + g c D₁,        c = ½φ₁ (dpm_solver) or φ₂ (taylor),   D₁ = (D₀ − D₋₁)/r₀
///   order 3:         … + g (φ₂ D₁ + 2φ₃ D₂),  D₁, D₂ from divided differences of three predictions
///
/// with a, g, e of solver/solver.hpp, φₖ = φₖ(e), r₀ = h₋₁/h. Lu et al. 2022 (arXiv:2206.00927),
/// section 3, and 2022 (arXiv:2211.01095), algorithm 2. DDIM: Song et al. 2021 (arXiv:2010.02502).
///
/// The published third order takes φ₃ D₂ with the second divided difference D₂ = h²D″/2: half of
/// the term, which leaves it of second order in the limit. SecondDifference::halved is that, for
/// parity.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include <scoresde/solver/solver.hpp>

namespace scoresde {

/// The weight of a first difference: the paper's ½φ₁ or Taylor's φ₂; they agree as h → 0.
enum class SolverForm { dpm_solver, taylor };

/// The weight of the second difference at order 3: 2φ₃, or the φ₃ of the published code.
enum class SecondDifference { exact, halved };

template <int Order, Prediction P>
struct ExponentialMultistep {
  static_assert(Order >= 1 && Order <= 3, "DpmSolver: the order must be 1, 2 or 3");
  static constexpr int order = Order;
  static constexpr std::size_t history = Order;
  static constexpr Prediction prediction = P;

  SolverForm form = SolverForm::dpm_solver;
  SecondDifference second_difference = SecondDifference::exact;
  /// The last steps fall to orders 2 and 1 when the grid has fewer steps than this; 0 is never.
  std::size_t lower_order_below = 10;

  template <Sde S>
  [[nodiscard]] std::vector<SolverStage> stages(const S& sde, const TimeGrid& grid) const {
    const std::vector<NoiseLevel> level = noise_levels(sde, grid);
    std::vector<SolverStage> table(grid.size());
    for (std::size_t i = 0; i < grid.size(); ++i) {
      const ExponentialStep step(P, level[i], level[i + 1]);
      const int now = order_of_step(Order, i, grid.size(), lower_order_below);
      table[i] = {grid[i], step.state, {}};
      const auto back = [&](std::size_t j) {
        return (level[i - j].lambda - level[i - j - 1].lambda) / step.length;
      };
      table[i].weights = now == 1   ? first(step)
                         : now == 2 ? second(step, back(0))
                                    : third(step, back(0), back(1));
      for (double& weight : table[i].weights) weight *= step.gain;
    }
    return table;
  }

 private:
  using Weights = std::array<double, max_predictions>;

  static Weights first(const ExponentialStep& step) { return {phi(1, step.exponent)}; }

  [[nodiscard]] Weights second(const ExponentialStep& step, double r0) const {
    const double one = phi(1, step.exponent);
    const double c = form == SolverForm::taylor ? phi(2, step.exponent) : 0.5 * one;
    return {one + c / r0, -c / r0};
  }

  [[nodiscard]] Weights third(const ExponentialStep& step, double r0, double r1) const {
    const double two = phi(2, step.exponent), three = phi(3, step.exponent);
    const double curved = (second_difference == SecondDifference::exact ? 2 : 1) * three;
    const double u = two + (two * r0 + curved) / (r0 + r1);  // of (D₀ − D₋₁)/r₀
    const double v = -(two * r0 + curved) / (r0 + r1);       // of (D₋₁ − D₋₂)/r₁
    return {phi(1, step.exponent) + u / r0, v / r1 - u / r0, -v / r1};
  }
};

/// DPM-Solver-1, -2, -3: exponential steps in the predicted noise.
template <int Order>
using DpmSolver = ExponentialMultistep<Order, Prediction::noise>;

/// DPM-Solver++ (1M, 2M, 3M): exponential steps in the predicted data.
template <int Order>
using DpmSolverPlusPlus = ExponentialMultistep<Order, Prediction::data>;

/// Deterministic DDIM, the first order of both.
using DdimSolver = DpmSolver<1>;

}  // namespace scoresde
