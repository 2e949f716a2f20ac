// SPDX-License-Identifier: MIT
/// Sub-VP SDE: the mean of VP with a variance bounded by that of VP.
///
///   dx = −½ β(t) x dt + √(β(t)(1 − mean(t)⁴)) dw,   std = 1 − mean²
///
/// Song et al. 2021 (arXiv:2011.13456), eq. 12 and 29.
#pragma once

#include <cmath>

#include <scoresde/sde/vp_sde.hpp>

namespace scoresde {

class SubVpSde {
 public:
  SubVpSde() : SubVpSde(BetaSchedule{}) {}
  /// Throws Error unless 0 < β_min ≤ β_max, both finite, and 0 ≤ t_min < 1.
  explicit SubVpSde(BetaSchedule schedule) : schedule_(schedule) { schedule_.check("sub-VP SDE"); }

  [[nodiscard]] double drift(double t) const { return -0.5 * schedule_.beta(t); }
  [[nodiscard]] double diffusion(double t) const {
    return std::sqrt(schedule_.beta(t) * -std::expm1(4 * schedule_.log_mean(t)));
  }
  /// Throws Error for t outside [0, 1].
  [[nodiscard]] MarginalProb marginal_prob(double t) const {
    require_time("sub-VP SDE", t, t_max());
    const double log_mean = schedule_.log_mean(t);
    return {std::exp(log_mean), -std::expm1(2 * log_mean)};
  }
  /// The t with log_snr(t) = λ. With r = e^{λ/2} = mean/std, mean solves r·mean² + mean = r, and ∫β
  /// = −2 ln mean = −ln(1 − mean/r). Throws Error if λ is below the log-SNR at t = 1.
  [[nodiscard]] double time_of_log_snr(double lambda) const {
    require_log_snr(lambda);
    const double r = std::exp(0.5 * lambda);
    const double std = 2 / (1 + std::hypot(1, 2 * r));
    const double integral = r > 1 ? -std::log1p(-std) : -lambda - 2 * std::log(std);
    return time_within(schedule_.time_of_integral(integral), t_max(), lambda);
  }
  [[nodiscard]] double prior_std() const { return 1; }
  [[nodiscard]] double t_min() const { return schedule_.t_min; }
  [[nodiscard]] double t_max() const { return 1; }
  [[nodiscard]] const BetaSchedule& schedule() const { return schedule_; }

 private:
  BetaSchedule schedule_;
};

static_assert(Sde<SubVpSde>);

}  // namespace scoresde
