// SPDX-License-Identifier: MIT
/// PNDM and variants: classical methods for the predicted noise, with a DDIM step in place of each
/// Euler step.
///
///   φ(x, ε, s → t) = (α_t/α_s) x + α_t (s_t − s_s) ε,   s = σ/α
///   a step:  x ← φ(x, Σⱼ wⱼ ε₋ⱼ),   w of Adams-Bashforth of order 4: (55, −59, 37, −9)/24
///
/// Liu et al. 2022 (arXiv:2202.09778), eq. 11 to 14 and algorithm 1 (F-PNDM). The three methods
/// differ in the first steps, which have no preceding slopes:
///
///   Pndm   three steps of Runge-Kutta: ε₁ at x, ε₂ at φ(x, ε₁) and ε₃ at φ(x, ε₂) half-way, ε₄ at
///          φ(x, ε₃) at the end,  x ← φ(x, (ε₁ + 2ε₂ + 2ε₃ + ε₄)/6)
///   Plms   one step of Heun: ε₁ at x, ε₂ at φ(x, ε₁) at the end,  x ← φ(x, (ε₁ + ε₂)/2);
///          then Adams-Bashforth of orders 2, 3 and 4: diffusers' skip_prk_steps
///   Ipndm  Adams-Bashforth of orders 1, 2, 3 and 4: Zhang & Chen 2022 (arXiv:2204.13902)
///
/// Half-way is in time, and the weights assume equal steps in time: use a uniform grid. The order
/// is 2, as proved in the paper, because a DDIM step integrates ε in s and the classical weights in
/// t.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include <scoresde/solver/solver.hpp>

namespace scoresde {

/// The first steps of a pseudo-numerical method.
enum class PndmStart { runge_kutta, heun, lower_orders };

template <PndmStart Start>
struct PseudoNumerical {
  static constexpr int order = 2;
  /// Slopes of three preceding steps, and the current one or up to three of a Runge-Kutta step.
  static constexpr std::size_t history = Start == PndmStart::runge_kutta ? 6 : 4;
  static constexpr Prediction prediction = Prediction::noise;
  [[nodiscard]] static constexpr std::size_t nfe(std::size_t steps) {
    return steps < start ? (extra + 1) * steps : steps + extra * start;
  }

  template <Sde S>
  [[nodiscard]] std::vector<SolverStage> stages(const S& sde, const TimeGrid& grid) const {
    std::vector<SolverStage> table;
    for (std::size_t i = 0; i < grid.size(); ++i) {
      const Transfer whole(noise_level(sde, grid[i].t), noise_level(sde, grid[i].t_next));
      if (i < start)
        begin(sde, grid[i], whole, table);
      else
        table.push_back(adams_bashforth(i, grid[i], whole));
    }
    return table;
  }

 private:
  /// The number of steps with several evaluations, and their additional evaluations per step.
  static constexpr std::size_t start = Start == PndmStart::runge_kutta ? 3
                                       : Start == PndmStart::heun      ? 1
                                                                       : 0;
  static constexpr std::size_t extra = Start == PndmStart::runge_kutta ? 3
                                       : Start == PndmStart::heun      ? 1
                                                                       : 0;
  using Weights = std::array<double, 4>;
  static constexpr std::array<Weights, 4> weights{
      Weights{1.0, 0.0, 0.0, 0.0}, Weights{3.0 / 2, -1.0 / 2, 0.0, 0.0},
      Weights{23.0 / 12, -16.0 / 12, 5.0 / 12, 0.0},
      Weights{55.0 / 24, -59.0 / 24, 37.0 / 24, -9.0 / 24}};

  /// φ as state·x + gain·ε.
  struct Transfer {
    double state = 1, gain = 0;
    Transfer(const NoiseLevel& from, const NoiseLevel& to) {
      const ExponentialStep step(Prediction::noise, from, to);
      state = step.state;
      gain = step.gain * phi(1, step.exponent);
    }
  };

  /// The highest order for which there are slopes, up to 4. Slopes of first steps are `extra`
  /// evaluations further back per first step.
  static SolverStage adams_bashforth(std::size_t i, TimeStep time, const Transfer& whole) {
    SolverStage stage{.time = time, .state = whole.state};
    const std::size_t slopes = i + 1 < 4 ? i + 1 : 4;
    for (std::size_t j = 0; j < slopes; ++j) {
      const std::size_t further = j > i - start ? extra * (j - (i - start)) : 0;
      stage.weights[j + further] = whole.gain * weights[slopes - 1][j];
    }
    return stage;
  }

  template <Sde S>
  static void begin(const S& sde, TimeStep step, const Transfer& whole,
                    std::vector<SolverStage>& table) {
    if constexpr (Start == PndmStart::runge_kutta) {
      runge_kutta(sde, step, whole, table);
    } else {
      const double half = 0.5 * whole.gain;
      table.push_back({.time = step, .state = whole.state, .weights = {whole.gain}});
      table.push_back({.time = {step.t_next, step.t_next}, .weights = {half, -half}});
    }
  }

  /// x at the start of the step is not stored; each stage expresses it by the preceding form.
  template <Sde S>
  static void runge_kutta(const S& sde, TimeStep step, const Transfer& whole,
                          std::vector<SolverStage>& table) {
    const double middle = 0.5 * (step.t + step.t_next);
    const Transfer half(noise_level(sde, step.t), noise_level(sde, middle));
    const double ratio = whole.state / half.state, g = half.gain, w = whole.gain / 6;
    table.push_back({.time = {step.t, middle}, .state = half.state, .weights = {g}});
    table.push_back({.time = {middle, middle}, .weights = {g, -g}});
    table.push_back(
        {.time = {middle, step.t_next}, .state = ratio, .weights = {6 * w, -ratio * g}});
    table.push_back({.time = {step.t_next, step.t_next}, .weights = {w, -4 * w, 2 * w, w}});
  }
};

/// F-PNDM: three Runge-Kutta steps of four evaluations, then one evaluation per step.
using Pndm = PseudoNumerical<PndmStart::runge_kutta>;
/// PNDM without Runge-Kutta steps: two evaluations in the first step, then one per step.
using Plms = PseudoNumerical<PndmStart::heun>;
/// Improved PNDM: one evaluation per step, including the first ones.
using Ipndm = PseudoNumerical<PndmStart::lower_orders>;

}  // namespace scoresde
