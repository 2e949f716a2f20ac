// SPDX-License-Identifier: MIT
/// SDE-DPM-Solver++ and SDE-DPM-Solver: exponential multistep methods for a reverse SDE with noise
/// level η, in the predicted data and in the predicted noise.
///
///   D = x₀:  x_t = (σ_t/σ_s) e^{−ηh} x_s + α_t (1 + η) h Σⱼ wⱼ D₋ⱼ + σ_t √(1 − e^{−2ηh}) z
///   D = ε:   x_t = (α_t/α_s) x_s − σ_t (1 + η) h Σⱼ wⱼ D₋ⱼ + σ_t √(η(e^{2h} − 1)) z
///
/// with the weights of DPM-Solver++ at e = −(1 + η)h and of DPM-Solver at e = h
/// (solver/dpm_solver.hpp). η = 0 is the probability flow, η = 1 the reverse SDE. Lu et al. 2022
/// (arXiv:2211.01095), section 5 and appendix B.7; η as in the family of SDEs of Zhang & Chen 2022
/// (arXiv:2204.13902), eq. 9, where g² is scaled by η in the noise and by 1 + η in the score.
///
/// The weak orders are 1, 2 and 2: the extrapolation of D ignores the noise of a step, D₀ − D₋₁
/// corrects for it one step later, and the remaining error is of third order per step.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include <scoresde/solver/dpm_solver.hpp>

namespace scoresde {

template <int Order, Prediction P>
struct SdeExponentialMultistep {
  static_assert(Order >= 1 && Order <= 3, "SdeDpmSolver: the order must be 1, 2 or 3");
  static constexpr int order = Order < 2 ? 1 : 2;
  static constexpr std::size_t history = Order;
  static constexpr Prediction prediction = P;

  double eta = 1;
  SolverForm form = SolverForm::dpm_solver;
  SecondDifference second_difference = SecondDifference::exact;
  /// As in ExponentialMultistep.
  std::size_t lower_order_below = 10;
  bool euler_at_final = false;

  /// Throws Error unless η is finite and nonnegative.
  void validate() const {
    require(std::isfinite(eta) && eta >= 0, name(), ": eta is ", eta,
            "; it must be finite and nonnegative");
  }

  /// Throws Error for an increasing grid: the reverse SDE runs only towards the data.
  template <Sde S>
  [[nodiscard]] std::vector<SolverStage> stages(const S& sde, const TimeGrid& grid) const {
    return stages(sde, grid, grid.size());
  }
  /// The stages of the first steps of a run of `steps`.
  template <Sde S>
  [[nodiscard]] std::vector<SolverStage> stages(const S& sde, const TimeGrid& grid,
                                                std::size_t steps) const {
    require(grid.generates(), name(), ": the grid goes from ", grid.front().t, " up to ",
            grid.back().t_next, "; time must decrease towards the data");
    return detail::exponential_multistep<Order, P>(sde, grid, steps, {form, second_difference},
                                                   {lower_order_below, euler_at_final}, eta);
  }

 private:
  static constexpr const char* name() {
    return P == Prediction::data ? "SDE-DPM-Solver++" : "SDE-DPM-Solver";
  }
};

/// SDE-DPM-Solver++ (1, 2M, 3M): exponential steps in the predicted data.
template <int Order>
using SdeDpmSolverPlusPlus = SdeExponentialMultistep<Order, Prediction::data>;

/// SDE-DPM-Solver (1, 2M, 3M): exponential steps in the predicted noise.
template <int Order>
using SdeDpmSolver = SdeExponentialMultistep<Order, Prediction::noise>;

}  // namespace scoresde
