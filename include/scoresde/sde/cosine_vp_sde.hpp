// SPDX-License-Identifier: MIT
/// Variance-preserving SDE with the cosine schedule.
///
///   mean² = ᾱ(t) = cos²θ/cos²θ₀,   θ = ω(t + s),   θ₀ = ωs,   ω = (π/2)/(1 + s),   std² = 1 − ᾱ
///   f = −½ β,   g = √β,   β = −(ln ᾱ)' = 2ω tan θ
///
/// Nichol & Dhariwal 2021 (arXiv:2102.09672), eq. 17, in continuous time. Writing cos θ as sin(ω(1
/// − t)) and ᾱ(a) − ᾱ(b) as sin(ω(b − a)) sin(ω(a + b + 2s))/cos²θ₀ avoids cancellation at both
/// ends.
///
/// ᾱ(1) = 0 and β(1) is infinite, so sampling starts at t_max < 1. The default is that of
/// DPM-Solver's code; its log-SNR of −9.6 is close to the −10.0 at the end of the linear schedule.
#pragma once

#include <cmath>
#include <numbers>

#include <scoresde/sde/sde.hpp>

namespace scoresde {

/// The offset s, which keeps β from being too small near t = 0, and the time range of sampling.
struct CosineSchedule {
  double s = 0.008;
  double t_min = 1e-3;
  double t_max = 0.9946;

  /// ω.
  [[nodiscard]] double rate() const { return 0.5 * std::numbers::pi / (1 + s); }
  /// cos θ(t).
  [[nodiscard]] double cosine(double t) const { return std::sin(rate() * (1 - t)); }
  /// 1 − ᾱ(b)/ᾱ(a), the fraction of the signal power lost between times a and b.
  [[nodiscard]] double lost(double a, double b) const {
    const double from = cosine(a);
    return std::sin(rate() * (b - a)) * std::sin(rate() * (a + b + 2 * s)) / (from * from);
  }

  /// Throws Error unless s ≥ 0 is finite and 0 ≤ t_min < t_max < 1.
  void check(const char* sde) const {
    require(s >= 0 && std::isfinite(s), sde, ": s is ", s, "; it must be finite and not negative");
    require(t_min >= 0 && t_min < t_max && t_max < 1, sde, ": t_min is ", t_min, " and t_max ",
            t_max, "; 0 <= t_min < t_max < 1 is needed");
  }
};

class CosineVpSde {
 public:
  CosineVpSde() : CosineVpSde(CosineSchedule{}) {}
  /// Throws Error unless s ≥ 0 and 0 ≤ t_min < t_max < 1.
  explicit CosineVpSde(CosineSchedule schedule) : schedule_(schedule) {
    schedule_.check("cosine VP SDE");
  }

  /// β(t).
  [[nodiscard]] double beta(double t) const {
    return 2 * schedule_.rate() / std::tan(schedule_.rate() * (1 - t));
  }
  [[nodiscard]] double drift(double t) const { return -0.5 * beta(t); }
  [[nodiscard]] double diffusion(double t) const { return std::sqrt(beta(t)); }
  /// Throws Error for t outside [0, t_max].
  [[nodiscard]] MarginalProb marginal_prob(double t) const {
    require_time("cosine VP SDE", t, t_max());
    return {schedule_.cosine(t) / schedule_.cosine(0), std::sqrt(schedule_.lost(0, t))};
  }
  /// The t with log_snr(t) = λ, from tan²θ − tan²θ₀ = e^{−λ}/cos²θ₀ and the tangent of θ − θ₀.
  /// Throws Error if λ is below the log-SNR at t_max.
  [[nodiscard]] double time_of_log_snr(double lambda) const {
    require_log_snr(lambda);
    const double first = std::tan(schedule_.rate() * schedule_.s);
    const double rise = std::exp(-lambda) * (1 + first * first);
    const double tangent = std::sqrt(first * first + rise);
    const double angle = std::atan2(rise / (tangent + first), 1 + tangent * first);
    return time_within(angle / schedule_.rate(), t_max(), lambda);
  }
  [[nodiscard]] double prior_std() const { return 1; }
  [[nodiscard]] double t_min() const { return schedule_.t_min; }
  [[nodiscard]] double t_max() const { return schedule_.t_max; }
  [[nodiscard]] const CosineSchedule& schedule() const { return schedule_; }

 private:
  CosineSchedule schedule_;
};

static_assert(Sde<CosineVpSde>);

}  // namespace scoresde
