// SPDX-License-Identifier: MIT
/// PNDM: classical methods for the predicted noise, each slope carried by a DDIM step.
///
///   φ(x, ε, s → t) = (α_t/α_s) x + α_t (s_t − s_s) ε,   s = σ/α
///   first three steps:  ε₁ at x, ε₂ at φ(x, ε₁) and ε₃ at φ(x, ε₂) half-way, ε₄ at φ(x, ε₃) at the
///                       end,  x ← φ(x, (ε₁ + 2ε₂ + 2ε₃ + ε₄)/6)
///   then:               x ← φ(x, (55ε₀ − 59ε₋₁ + 37ε₋₂ − 9ε₋₃)/24)
///
/// Liu et al. 2022 (arXiv:2202.09778), eq. 11 to 14 and algorithm 1 (F-PNDM). Half-way is in time,
/// and the weights are those of equal steps in time: use a uniform grid. Of order 2, as the paper
/// proves: the DDIM step weighs ε by s and the classical weights by t.
#pragma once

#include <cstddef>
#include <vector>

#include <scoresde/solver/solver.hpp>

namespace scoresde {

struct Pndm {
  static constexpr int order = 2;
  /// Three slopes of the steps before and up to three of a Runge-Kutta step.
  static constexpr std::size_t history = 6;
  static constexpr Prediction prediction = Prediction::noise;
  [[nodiscard]] static constexpr std::size_t nfe(std::size_t steps) {
    return steps < start ? 4 * steps : steps + 3 * start;
  }

  template <Sde S>
  [[nodiscard]] std::vector<SolverStage> stages(const S& sde, const TimeGrid& grid) const {
    std::vector<SolverStage> table;
    for (std::size_t i = 0; i < grid.size(); ++i) {
      if (i < start) {
        runge_kutta(sde, grid[i], table);
        continue;
      }
      const Transfer whole(noise_level(sde, grid[i].t), noise_level(sde, grid[i].t_next));
      SolverStage stage{.time = grid[i], .state = whole.state};
      // A slope of a Runge-Kutta step lies three evaluations further back.
      for (std::size_t j = 0; j < 4; ++j) {
        const std::size_t further = j > i - start ? 3 * (j - (i - start)) : 0;
        stage.weights[j + further] = whole.gain * adams_bashforth[j];
      }
      table.push_back(stage);
    }
    return table;
  }

 private:
  static constexpr std::size_t start = 3;
  static constexpr double adams_bashforth[4] = {55.0 / 24, -59.0 / 24, 37.0 / 24, -9.0 / 24};

  /// φ as state·x + gain·ε.
  struct Transfer {
    double state = 1, gain = 0;
    Transfer(const NoiseLevel& from, const NoiseLevel& to) {
      const ExponentialStep step(Prediction::noise, from, to);
      state = step.state;
      gain = step.gain * phi(1, step.exponent);
    }
  };

  /// The x of the step's beginning is not kept: each stage takes it out of the form before.
  template <Sde S>
  static void runge_kutta(const S& sde, TimeStep step, std::vector<SolverStage>& table) {
    const double middle = 0.5 * (step.t + step.t_next);
    const NoiseLevel from = noise_level(sde, step.t);
    const Transfer half(from, noise_level(sde, middle));
    const Transfer whole(from, noise_level(sde, step.t_next));
    const double ratio = whole.state / half.state, g = half.gain, w = whole.gain / 6;
    table.push_back({.time = {step.t, middle}, .state = half.state, .weights = {g}});
    table.push_back({.time = {middle, middle}, .weights = {g, -g}});
    table.push_back(
        {.time = {middle, step.t_next}, .state = ratio, .weights = {6 * w, -ratio * g}});
    table.push_back({.time = {step.t_next, step.t_next}, .weights = {w, -4 * w, 2 * w, w}});
  }
};

}  // namespace scoresde
