// SPDX-License-Identifier: MIT
/// DPM-Solver++ 2S ancestral: a second-order step with ancestral noise.
///
///   λₘ midway between λ and λ_down, s_up and s_down of solver/ancestral_noise.hpp
///   yₘ = (sₘ/s) y + (1 − sₘ/s) D₀,   y ← (s_down/s) y + (1 − s_down/s) Dₘ + s_up z
///
/// with y = x/α, s = σ/α, D = x₀. The step is DPM-Solver++ 2S of Lu et al. 2022 (arXiv:2211.01095),
/// algorithm 1, with r = ½. y is not stored; it is expressed by yₘ and D₀.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include <scoresde/solver/ancestral_noise.hpp>

namespace scoresde {

struct DpmSolverPlusPlus2SAncestral {
  static constexpr int order = 1;
  static constexpr std::size_t history = 2;
  static constexpr Prediction prediction = Prediction::data;
  [[nodiscard]] static constexpr std::size_t nfe(std::size_t steps) { return 2 * steps; }

  /// 1 for the noise of the reverse SDE, 0 for none, which is DPM-Solver++ 2S of order 2.
  double eta = 1;

  /// Throws Error unless η lies in [0, 1].
  void validate() const { detail::require_share_of_noise("DPM-Solver++ 2S ancestral", eta); }

  /// Throws Error for noise on an increasing grid.
  template <Sde S>
  [[nodiscard]] std::vector<SolverStage> stages(const S& sde, const TimeGrid& grid) const {
    detail::require_noise_to_data("DPM-Solver++ 2S ancestral", grid, eta != 0);
    const std::vector<NoiseLevel> level = noise_levels(sde, grid);
    std::vector<SolverStage> table;
    for (std::size_t i = 0; i < grid.size(); ++i) {
      const NoiseLevel &from = level[i], &to = level[i + 1];
      const auto [up, lambda_down] = AncestralNoise(eta, from, to);
      const double t = time_of_log_snr(sde, from.lambda + lambda_down);
      const NoiseLevel middle = noise_level(sde, t);
      const double first = std::exp(from.lambda - middle.lambda);   // sₘ/s
      const double second = std::exp(middle.lambda - lambda_down);  // s_down/sₘ
      table.push_back({.time = {grid[i].t, t},
                       .state = middle.alpha / from.alpha * first,
                       .weights = {-middle.alpha * std::expm1(from.lambda - middle.lambda)}});
      table.push_back({.time = {t, grid[i].t_next},
                       .state = to.alpha / middle.alpha * second,
                       .weights = {-to.alpha * std::expm1(from.lambda - lambda_down),
                                   to.alpha * second * std::expm1(from.lambda - middle.lambda)},
                       .noise = {to.alpha * up, i + 1, grid[i]}});
    }
    return table;
  }
};

}  // namespace scoresde
