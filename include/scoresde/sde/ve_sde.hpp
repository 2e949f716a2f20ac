// SPDX-License-Identifier: MIT
/// Variance-exploding SDE, the continuous limit of SMLD.
///
///   dx = σ(t) √(2 ln(σ_max/σ_min)) dw,   σ(t) = σ_min (σ_max/σ_min)ᵗ,   mean = 1,   std = σ(t)
///
/// Song et al. 2021 (arXiv:2011.13456), eq. 9, 30 and 31. The standard deviation of the marginal at
/// t = 0 is σ_min: the data are considered perturbed by the smallest noise already.
#pragma once

#include <cmath>

#include <scoresde/sde/sde.hpp>

namespace scoresde {

/// The geometric noise schedule of VE, and the time at which sampling stops.
struct SigmaSchedule {
  double sigma_min = 0.01;
  double sigma_max = 50;
  double t_min = 1e-5;
};

class VeSde {
 public:
  VeSde() : VeSde(SigmaSchedule{}) {}
  /// Throws Error unless 0 < σ_min < σ_max, both finite, and 0 ≤ t_min < 1.
  explicit VeSde(SigmaSchedule schedule) : schedule_(schedule) {
    const auto& [low, high, t_min] = schedule_;
    require(low > 0 && low < high && std::isfinite(high), "VE SDE: sigma_min is ", low,
            " and sigma_max ", high, "; 0 < sigma_min < sigma_max is needed");
    require(t_min >= 0 && t_min < 1, "VE SDE: t_min is ", t_min, "; it must lie in [0, 1)");
  }

  [[nodiscard]] double drift(double) const { return 0; }
  [[nodiscard]] double diffusion(double t) const {
    return sigma(t) * std::sqrt(2 * std::log(schedule_.sigma_max / schedule_.sigma_min));
  }
  /// Throws Error for t outside [0, 1].
  [[nodiscard]] MarginalProb marginal_prob(double t) const {
    require_time("VE SDE", t, t_max());
    return {1, sigma(t)};
  }
  /// The t with log_snr(t) = −2 ln σ(t) = λ. Throws Error for λ outside [−2 ln σ_max, −2 ln σ_min].
  [[nodiscard]] double time_of_log_snr(double lambda) const {
    require_log_snr(lambda);
    const double t = -(0.5 * lambda + std::log(schedule_.sigma_min)) /
                     std::log(schedule_.sigma_max / schedule_.sigma_min);
    return time_within(t, t_max(), lambda);
  }
  /// σ(t).
  [[nodiscard]] double sigma(double t) const {
    return schedule_.sigma_min * std::pow(schedule_.sigma_max / schedule_.sigma_min, t);
  }
  [[nodiscard]] double prior_std() const { return schedule_.sigma_max; }
  [[nodiscard]] double t_min() const { return schedule_.t_min; }
  [[nodiscard]] double t_max() const { return 1; }
  [[nodiscard]] const SigmaSchedule& schedule() const { return schedule_; }

 private:
  SigmaSchedule schedule_;
};

static_assert(Sde<VeSde>);

}  // namespace scoresde
