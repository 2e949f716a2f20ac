// SPDX-License-Identifier: MIT
/// Rectified flow as a linear SDE: straight-line paths between data and noise.
///
///   x_t = (1 − t) x₀ + t ε:   mean = 1 − t,   std = t,   f = −1/(1 − t),   g² = 2t/(1 − t)
///
/// Liu et al. 2022 (arXiv:2209.03003), eq. 1, with noise at t = 1; f and g follow from the
/// identities of the marginal. The probability flow of this SDE is the rectified flow, and a
/// network trained to predict ε − x₀ is wrapped as flow_velocity(f, sde)
/// (score/parameterization.hpp).
///
/// At t = 1 no signal is left and f is infinite, so sampling starts at t_max < 1, where p_T = N(0,
/// t_max²) up to data of weight 1 − t_max.
#pragma once

#include <cmath>

#include <scoresde/sde/sde.hpp>

namespace scoresde {

/// The time range of sampling.
struct RectifiedFlowTimes {
  double t_min = 1e-3;
  double t_max = 1 - 1e-5;
};

class RectifiedFlowSde {
 public:
  RectifiedFlowSde() : RectifiedFlowSde(RectifiedFlowTimes{}) {}
  /// Throws Error unless 0 ≤ t_min < t_max < 1.
  explicit RectifiedFlowSde(RectifiedFlowTimes times) : times_(times) {
    require(times.t_min >= 0 && times.t_min < times.t_max && times.t_max < 1,
            "rectified flow SDE: t_min is ", times.t_min, " and t_max ", times.t_max,
            "; 0 <= t_min < t_max < 1 is needed");
  }

  [[nodiscard]] double drift(double t) const { return -1 / (1 - t); }
  [[nodiscard]] double diffusion(double t) const { return std::sqrt(2 * t / (1 - t)); }
  /// Throws Error for t outside [0, t_max].
  [[nodiscard]] MarginalProb marginal_prob(double t) const {
    require_time("rectified flow SDE", t, t_max());
    return {1 - t, t};
  }
  /// The t with log_snr(t) = 2 ln((1 − t)/t) = λ. Throws Error if λ is below the log-SNR at t_max.
  [[nodiscard]] double time_of_log_snr(double lambda) const {
    require_log_snr(lambda);
    return time_within(1 / (1 + std::exp(0.5 * lambda)), t_max(), lambda);
  }
  [[nodiscard]] double prior_std() const { return times_.t_max; }
  [[nodiscard]] double t_min() const { return times_.t_min; }
  [[nodiscard]] double t_max() const { return times_.t_max; }

 private:
  RectifiedFlowTimes times_;
};

static_assert(Sde<RectifiedFlowSde>);

}  // namespace scoresde
