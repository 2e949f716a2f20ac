// SPDX-License-Identifier: MIT
/// DPM-Solver++ SDE: a midpoint rule for the reverse SDE, with noise before and after the midpoint.
///
///   yₘ = (s_down₁/s) y + (1 − s_down₁/s) D₀ + s_up₁ z₁
///   y ← (s_down/s) y + (1 − s_down/s)(½D₀/r·(2r − 1) + ½Dₘ/r) + k s_up₁ z₁ + c z₂
///   k = s_down/s_down₁,   c² = s_up² − k² s_up₁²,   λₘ = λ + r h
///
/// with y = x/α, s = σ/α, D = x₀, and s_up, s_down of solver/ancestral_noise.hpp for the whole step
/// and (₁) for the part up to the midpoint. This is DPM-Solver++ 2S of Lu et al. 2022
/// (arXiv:2211.01095), algorithm 1, with ancestral noise in both stages: dpmpp_sde in k-diffusion,
/// DPMSolverSDE in diffusers.
///
/// The noise of a step has the s_up of k-diffusion, but a different correlation with the noise of
/// the midpoint. In k-diffusion both come from one Brownian path in σ, here from the path of the
/// SDE: at η = 1 the two stages add the noise of the reverse SDE, so the method has weak order 2. y
/// is not stored; it is expressed by yₘ, D₀ and z₁.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include <scoresde/solver/ancestral_noise.hpp>

namespace scoresde {

struct DpmSolverPlusPlusSde {
  static constexpr int order = 2;
  static constexpr std::size_t history = 2;
  static constexpr Prediction prediction = Prediction::data;
  [[nodiscard]] static constexpr std::size_t nfe(std::size_t steps) { return 2 * steps; }

  /// 1 for the noise of the reverse SDE, 0 for none, which is DPM-Solver++ 2S.
  double eta = 1;
  /// r, the position of the midpoint in λ.
  double midpoint = 0.5;

  /// Throws Error unless η lies in [0, 1] and r in (0, 1).
  void validate() const {
    detail::require_share_of_noise("DPM-Solver++ SDE", eta);
    require(midpoint > 0 && midpoint < 1, "DPM-Solver++ SDE: midpoint is ", midpoint,
            "; it must lie in (0, 1)");
  }

  /// Step i uses draws 2i + 1 and 2i + 2. Throws Error for noise on an increasing grid.
  template <Sde S>
  [[nodiscard]] std::vector<SolverStage> stages(const S& sde, const TimeGrid& grid) const {
    detail::require_noise_to_data("DPM-Solver++ SDE", grid, eta != 0);
    const std::vector<NoiseLevel> level = noise_levels(sde, grid);
    std::vector<SolverStage> table;
    for (std::size_t i = 0; i < grid.size(); ++i) {
      const NoiseLevel &from = level[i], &to = level[i + 1];
      const double lambda = from.lambda + midpoint * (to.lambda - from.lambda);
      const double t = time_of_log_snr(sde, 2 * lambda);
      const NoiseLevel middle = noise_level(sde, t);
      const AncestralNoise half(eta, from, middle), whole(eta, from, to);
      const double k = std::exp(half.lambda_down - whole.lambda_down);
      const double first = -std::expm1(from.lambda - half.lambda_down);
      const double second = -std::expm1(from.lambda - whole.lambda_down);
      const double share = 0.5 / midpoint;  // weight of Dₘ
      const double rest = std::sqrt((whole.up - k * half.up) * (whole.up + k * half.up));
      const TimeStep begin{grid[i].t, t}, end{t, grid[i].t_next};
      table.push_back({.time = begin,
                       .state = middle.alpha / from.alpha * (1 - first),
                       .weights = {middle.alpha * first},
                       .noise = {middle.alpha * half.up, 2 * i + 1, begin}});
      table.push_back(
          {.time = end,
           .state = to.alpha / middle.alpha * k,
           .weights = {to.alpha * second * share, to.alpha * (second * (1 - share) - k * first)},
           .noise = {to.alpha * rest, 2 * i + 2, end}});
    }
    return table;
  }
};

}  // namespace scoresde
