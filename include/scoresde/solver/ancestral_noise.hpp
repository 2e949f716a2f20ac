// SPDX-License-Identifier: MIT
/// Ancestral noise: a step to a lower noise level than the grid's next time, and a draw that
/// restores the difference.
///
///   s_up² = η² s′²(s² − s′²)/s²,   s_down² = s′² − s_up²,   s = σ/α
///
/// Song et al. 2021 (arXiv:2011.13456), appendix F, with the fraction η of noise as in DDIM
/// (predictor/ddim.hpp). η = 1 is the reverse SDE, with s_down = s′²/s.
#pragma once

#include <cmath>

#include <scoresde/solver/solver.hpp>

namespace scoresde {

/// s_up and λ_down = −ln s_down of a step.
struct AncestralNoise {
  double up = 0;
  double lambda_down = 0;

  AncestralNoise(double eta, const NoiseLevel& from, const NoiseLevel& to) {
    const double h = to.lambda - from.lambda;
    // On increasing grids h < 0, and η must be 0.
    if (eta > 0) up = eta * std::exp(-to.lambda) * std::sqrt(-std::expm1(-2 * h));
    lambda_down = to.lambda - 0.5 * std::log((1 - eta) * (1 + eta) + eta * eta * std::exp(-2 * h));
  }
};

namespace detail {

/// Throws Error unless η lies in [0, 1].
inline void require_share_of_noise(const char* solver, double eta) {
  require(eta >= 0 && eta <= 1, solver, ": eta is ", eta, "; it must lie in [0, 1]");
}

/// Throws Error for noise on an increasing grid.
inline void require_noise_to_data(const char* solver, const TimeGrid& grid, bool noisy) {
  require(grid.generates() || !noisy, solver, ": the grid goes from ", grid.front().t, " up to ",
          grid.back().t_next, "; with noise, time must decrease");
}

}  // namespace detail
}  // namespace scoresde
