// SPDX-License-Identifier: MIT
/// DPM-2 ancestral: the midpoint rule in s = σ/α with ancestral noise.
///
///   yₘ = y + (sₘ − s) ε₀,   y ← y + (s_down − s) εₘ + s_up z,   sₘ = √(s s_down)
///
/// with y = x/α, and s_up, s_down of solver/ancestral_noise.hpp. k-diffusion calls this variant of
/// DPM-2 (solver/edm.hpp) dpm_2_ancestral, diffusers KDPM2Ancestral.
#pragma once

#include <cstddef>
#include <vector>

#include <scoresde/solver/ancestral_noise.hpp>
#include <scoresde/solver/edm.hpp>

namespace scoresde {

struct Dpm2Ancestral {
  static constexpr int order = 1;
  static constexpr std::size_t history = 2;
  [[nodiscard]] static constexpr std::size_t nfe(std::size_t steps) { return 2 * steps; }

  /// The prediction that is held constant; the steps are the same up to rounding.
  Prediction prediction = Prediction::data;
  /// 1 for the noise of the reverse SDE, 0 for none, which is DPM-2 of order 2.
  double eta = 1;

  /// Throws Error unless η lies in [0, 1].
  void validate() const { detail::require_share_of_noise("DPM-2 ancestral", eta); }

  /// Throws Error for noise on an increasing grid.
  template <Sde S>
  [[nodiscard]] std::vector<SolverStage> stages(const S& sde, const TimeGrid& grid) const {
    detail::require_noise_to_data("DPM-2 ancestral", grid, eta != 0);
    const std::vector<NoiseLevel> level = noise_levels(sde, grid);
    std::vector<SolverStage> table;
    for (std::size_t i = 0; i < grid.size(); ++i) {
      const double alpha = level[i + 1].alpha;
      const auto [up, lambda_down] = AncestralNoise(eta, level[i], level[i + 1]);
      const NoiseLevel down{alpha, alpha * std::exp(-lambda_down), lambda_down};
      detail::midpoint_step(sde, prediction, {grid[i], level[i], down}, table);
      table.back().noise = {alpha * up, i + 1, grid[i]};
    }
    return table;
  }
};

}  // namespace scoresde
