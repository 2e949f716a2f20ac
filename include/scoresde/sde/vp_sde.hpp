// SPDX-License-Identifier: MIT
/// Variance-preserving SDE, the continuous limit of DDPM.
///
///   dx = −½ β(t) x dt + √β(t) dw,   β(t) = β_min + t(β_max − β_min),   T = 1
///   mean = exp(−¼t²(β_max − β_min) − ½tβ_min),   std² = 1 − mean²
///
/// Song et al. 2021 (arXiv:2011.13456), eq. 11, 32 and 33.
#pragma once

#include <cmath>

#include <scoresde/sde/sde.hpp>

namespace scoresde {

/// The linear schedule shared by VP and sub-VP, and the time at which sampling stops.
struct BetaSchedule {
  double beta_min = 0.1;
  double beta_max = 20;
  double t_min = 1e-3;

  [[nodiscard]] double beta(double t) const { return beta_min + t * (beta_max - beta_min); }
  /// ln mean(t) = −½ ∫₀ᵗ β.
  [[nodiscard]] double log_mean(double t) const {
    return -0.25 * t * t * (beta_max - beta_min) - 0.5 * t * beta_min;
  }

  /// The t with ∫₀ᵗ β = integral.
  [[nodiscard]] double time_of_integral(double integral) const {
    const double root = std::sqrt(beta_min * beta_min + 2 * (beta_max - beta_min) * integral);
    return 2 * integral / (beta_min + root);
  }

  /// Throws Error unless 0 < β_min ≤ β_max, both finite, and 0 ≤ t_min < 1.
  void check(const char* sde) const {
    require(beta_min > 0 && beta_min <= beta_max && std::isfinite(beta_max), sde, ": beta_min is ",
            beta_min, " and beta_max ", beta_max, "; 0 < beta_min <= beta_max is needed");
    require(t_min >= 0 && t_min < 1, sde, ": t_min is ", t_min, "; it must lie in [0, 1)");
  }
};

class VpSde {
 public:
  VpSde() : VpSde(BetaSchedule{}) {}
  /// Throws Error unless 0 < β_min ≤ β_max, both finite, and 0 ≤ t_min < 1.
  explicit VpSde(BetaSchedule schedule) : schedule_(schedule) { schedule_.check("VP SDE"); }

  [[nodiscard]] double drift(double t) const { return -0.5 * schedule_.beta(t); }
  [[nodiscard]] double diffusion(double t) const { return std::sqrt(schedule_.beta(t)); }
  /// Throws Error for t outside [0, 1].
  [[nodiscard]] MarginalProb marginal_prob(double t) const {
    require_time("VP SDE", t, t_max());
    const double log_mean = schedule_.log_mean(t);
    return {std::exp(log_mean), std::sqrt(-std::expm1(2 * log_mean))};
  }
  /// The t with log_snr(t) = λ: ∫β = ln(1 + e^{−λ}). Throws Error if λ is below the log-SNR at t
  /// = 1.
  [[nodiscard]] double time_of_log_snr(double lambda) const {
    require_log_snr(lambda);
    const double t = schedule_.time_of_integral(log1p_exp(-lambda));
    return time_within(t, t_max(), lambda);
  }
  [[nodiscard]] double prior_std() const { return 1; }
  [[nodiscard]] double t_min() const { return schedule_.t_min; }
  [[nodiscard]] double t_max() const { return 1; }
  [[nodiscard]] const BetaSchedule& schedule() const { return schedule_; }

 private:
  BetaSchedule schedule_;
};

static_assert(Sde<VpSde>);

}  // namespace scoresde
