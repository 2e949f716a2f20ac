// SPDX-License-Identifier: MIT
/// DPM-Solver and DPM-Solver++ as multistep methods: one evaluation per step.
///
///   order 1 (DDIM):  x_t = a·x + g φ₁ D₀
///   order 2:         … + g c D₁,        c = ½φ₁ (dpm_solver) or φ₂ (taylor),   D₁ = (D₀ − D₋₁)/r₀
///   order 3:         … + g (φ₂ D₁ + 2φ₃ D₂),  D₁, D₂ from divided differences of three predictions
///
/// with a, g, e of solver/solver.hpp, φₖ = φₖ(e), r₀ = h₋₁/h. Lu et al. 2022 (arXiv:2206.00927),
/// section 3, and 2022 (arXiv:2211.01095), algorithm 2. DDIM: Song et al. 2021 (arXiv:2010.02502).
///
/// The published third order uses φ₃ D₂ with the second divided difference D₂ = h²D″/2, which is
/// half of the term and reduces the order to 2. SecondDifference::halved reproduces it.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

#include <scoresde/solver/solver.hpp>

namespace scoresde {

/// The weight of the first difference: ½φ₁ of the paper or φ₂ of the Taylor expansion; they agree
/// as h → 0.
enum class SolverForm { dpm_solver, taylor };

/// The weight of the second difference at order 3: 2φ₃, or the φ₃ of the published code.
enum class SecondDifference { exact, halved };

namespace detail {

/// The weights of D₀, D₋₁, D₋₂ in units of the gain g. `r` are the lengths of the preceding steps
/// in units of the current one, the latest first.
struct DividedDifferences {
  using Weights = std::array<double, 3>;
  SolverForm form = SolverForm::dpm_solver;
  SecondDifference second_difference = SecondDifference::exact;

  [[nodiscard]] Weights weights(int order, double exponent, std::array<double, 2> r) const {
    if (order == 1) return {phi(1, exponent)};
    return order == 2 ? second(exponent, r[0]) : third(exponent, r[0], r[1]);
  }

  [[nodiscard]] Weights second(double exponent, double r0) const {
    const double one = phi(1, exponent);
    const double c = form == SolverForm::taylor ? phi(2, exponent) : 0.5 * one;
    return {one + c / r0, -c / r0};
  }

  [[nodiscard]] Weights third(double exponent, double r0, double r1) const {
    const double two = phi(2, exponent), three = phi(3, exponent);
    const double curved = (second_difference == SecondDifference::exact ? 2 : 1) * three;
    const double u = two + (two * r0 + curved) / (r0 + r1);  // of (D₀ − D₋₁)/r₀
    const double v = -(two * r0 + curved) / (r0 + r1);       // of (D₋₁ − D₋₂)/r₁
    return {phi(1, exponent) + u / r0, v / r1 - u / r0, -v / r1};
  }
};

/// Lower orders in the last steps.
struct LastOrders {
  std::size_t lower_below = 0;
  bool euler_at_final = false;

  [[nodiscard]] int order_of(int order, std::size_t index, std::size_t steps) const {
    if (euler_at_final && index + 1 == steps) return 1;
    return order_of_step(order, index, steps, lower_below);
  }
};

/// The stages of a multistep method for the first steps of a run of `steps`; for η > 0 those of the
/// SDE (solver/sde_dpm_solver.hpp).
template <int Order, Prediction P, Sde S>
[[nodiscard]] std::vector<SolverStage> exponential_multistep(const S& sde, const TimeGrid& grid,
                                                             std::size_t steps,
                                                             const DividedDifferences& rule,
                                                             const LastOrders& last, double eta) {
  constexpr bool data = P == Prediction::data;
  const std::vector<NoiseLevel> level = noise_levels(sde, grid);
  std::vector<SolverStage> table;
  for (std::size_t i = 0; i < grid.size(); ++i) {
    const ExponentialStep step(P, level[i], level[i + 1]);
    const int now = last.order_of(Order, i, steps);
    std::array<double, 2> r{};
    for (std::size_t j = 0; j + 1 < static_cast<std::size_t>(now); ++j)
      r[j] = (level[i - j].lambda - level[i - j - 1].lambda) / step.length;
    SolverStage stage{.time = grid[i], .state = step.state};
    if (data) stage.state *= std::exp(-eta * step.length);
    const auto weights = rule.weights(now, (data ? 1 + eta : 1) * step.exponent, r);
    for (std::size_t j = 0; j < weights.size(); ++j)
      stage.weights[j] = (1 + eta) * step.gain * weights[j];
    const double variance =
        data ? -std::expm1(-2 * eta * step.length) : eta * std::expm1(2 * step.length);
    stage.noise = {level[i + 1].sigma * std::sqrt(variance), i + 1, grid[i]};
    table.push_back(stage);
  }
  return table;
}

}  // namespace detail

template <int Order, Prediction P>
struct ExponentialMultistep {
  static_assert(Order >= 1 && Order <= 3, "DpmSolver: the order must be 1, 2 or 3");
  static constexpr int order = Order;
  static constexpr std::size_t history = Order;
  static constexpr Prediction prediction = P;

  SolverForm form = SolverForm::dpm_solver;
  SecondDifference second_difference = SecondDifference::exact;
  /// The last steps use orders 2 and 1 if the grid has fewer steps than this; 0 disables it.
  std::size_t lower_order_below = 10;
  /// Use order 1 in the last step, for any number of steps.
  bool euler_at_final = false;

  template <Sde S>
  [[nodiscard]] std::vector<SolverStage> stages(const S& sde, const TimeGrid& grid) const {
    return stages(sde, grid, grid.size());
  }
  /// The stages of the first steps of a run of `steps`.
  template <Sde S>
  [[nodiscard]] std::vector<SolverStage> stages(const S& sde, const TimeGrid& grid,
                                                std::size_t steps) const {
    return detail::exponential_multistep<Order, P>(sde, grid, steps, {form, second_difference},
                                                   {lower_order_below, euler_at_final}, 0);
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
