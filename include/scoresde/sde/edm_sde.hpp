// SPDX-License-Identifier: MIT
/// The SDE of EDM: time is the standard deviation of the noise.
///
///   dx = √(2t) dw,   mean = 1,   std = σ = t,   σ_min ≤ t ≤ T = σ_max
///
/// Karras et al. 2022 (arXiv:2206.00364), table 1 and section 3 (σ(t) = t, s(t) = 1). The marginal
/// at t = 0 is that of the data; sampling stops at σ_min.
#pragma once

#include <cmath>

#include <scoresde/sde/sde.hpp>

namespace scoresde {

/// The noise levels at which sampling ends and starts, in units of the data.
struct SigmaRange {
  double sigma_min = 0.002;
  double sigma_max = 80;
};

class EdmSde {
 public:
  EdmSde() : EdmSde(SigmaRange{}) {}
  /// Throws Error unless 0 < σ_min < σ_max, both finite.
  explicit EdmSde(SigmaRange range) : range_(range) {
    const auto& [low, high] = range_;
    require(low > 0 && low < high && std::isfinite(high), "EDM SDE: sigma_min is ", low,
            " and sigma_max ", high, "; 0 < sigma_min < sigma_max is needed");
  }

  [[nodiscard]] double drift(double) const { return 0; }
  [[nodiscard]] double diffusion(double t) const { return std::sqrt(2 * t); }
  /// Throws Error for t outside [0, σ_max].
  [[nodiscard]] MarginalProb marginal_prob(double t) const {
    require_time("EDM SDE", t, t_max());
    return {1, t};
  }
  /// The t with log_snr(t) = −2 ln t = λ. Throws Error if λ is below the log-SNR at σ_max.
  [[nodiscard]] double time_of_log_snr(double lambda) const {
    require_log_snr(lambda);
    return time_within(std::exp(-0.5 * lambda), t_max(), lambda);
  }
  [[nodiscard]] double prior_std() const { return range_.sigma_max; }
  [[nodiscard]] double t_min() const { return range_.sigma_min; }
  [[nodiscard]] double t_max() const { return range_.sigma_max; }

 private:
  SigmaRange range_;
};

static_assert(Sde<EdmSde>);

}  // namespace scoresde
