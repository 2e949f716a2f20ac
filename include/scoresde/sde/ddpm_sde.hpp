// SPDX-License-Identifier: MIT
/// A discrete diffusion with an arbitrary list of betas, as the VP SDE that interpolates its
/// levels.
///
///   x_i = √(1 − β_i) x_{i−1} + √β_i z,   level i at t = i/N,   data at t = 0
///   ln ᾱ(t) linear between levels:  β(t) = −N ln(1 − β_i) on ((i − 1)/N, i/N]
///   f = −½ β(t),   g = √β(t),   mean = √ᾱ,   std = √(1 − ᾱ)
///
/// Ho et al. 2020 (arXiv:2006.11239), eq. 2 and 4; the interpolation follows Lu et al. 2022
/// (arXiv:2206.00927), appendix D.4. A step from level i to any level j < i uses the chain with the
/// intermediate levels omitted, 1 − β = ᾱ_i/ᾱ_j (Nichol & Dhariwal 2021, arXiv:2102.09672, section
/// 4), so ancestral sampling works on any subset of levels.
///
/// DiscreteVpSde uses the linear list too, but with the marginals of the continuous VP SDE and
/// score_sde's time convention. Here the marginals are exactly those of the chain.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include <scoresde/sde/ddpm_betas.hpp>
#include <scoresde/sde/discrete_sde.hpp>
#include <scoresde/sde/sde.hpp>
#include <scoresde/sde/transition.hpp>

namespace scoresde {

class DdpmSde {
 public:
  /// Throws Error unless there are at least 2 betas in (0, 1), optionally followed by one equal to
  /// 1 (zero_terminal_snr_betas). That last level has no signal and a log-SNR of −∞, so T = (N −
  /// 1)/N, the last level of finite log-SNR. The prior N(0, I) is exact one level later.
  explicit DdpmSde(const std::vector<double>& betas) : count_(static_cast<double>(betas.size())) {
    detail::require_betas("DDPM SDE", betas);
    for (const double beta : betas)
      if (beta < 1) log_alpha_bar_.push_back(log_alpha_bar_.back() + std::log1p(-beta));
  }

  /// The number of levels with finite log-SNR: the length of the list, less one if it ends with 1.
  [[nodiscard]] std::size_t training_steps() const { return log_alpha_bar_.size() - 1; }
  /// i/N. Throws Error if i exceeds training_steps().
  [[nodiscard]] double time_of_level(std::size_t i) const {
    require(i <= training_steps(), "DDPM SDE: level ", i, " requested; the last is ",
            training_steps());
    return static_cast<double>(i) / count_;
  }
  /// The time of label i, which is level i + 1: (i + 1)/N. Throws Error for i ≥ training_steps().
  [[nodiscard]] double training_time(std::size_t i) const { return time_of_level(i + 1); }
  /// The level at t, or the next one above if t lies between two; 1 at t = 0. A network trained on
  /// labels 0 … N − 1 is conditioned on level(t) − 1. Throws Error for t outside [0, T].
  [[nodiscard]] std::size_t level(double t) const {
    require_time("DDPM SDE", t, t_max());
    // The tolerance absorbs rounding in the grid's times.
    return static_cast<std::size_t>(std::max(1.0, std::ceil((t - 1e-14) * count_)));
  }
  /// ln ᾱ(t). Throws Error for t outside [0, T].
  [[nodiscard]] double log_alpha_bar(double t) const {
    const std::size_t i = level(t);
    const double past = t * count_ - static_cast<double>(i - 1);
    return log_alpha_bar_[i - 1] - past * fall(i);
  }
  /// β(t). Throws Error for t outside [0, T].
  [[nodiscard]] double beta(double t) const { return count_ * fall(level(t)); }

  [[nodiscard]] double drift(double t) const { return -0.5 * beta(t); }
  [[nodiscard]] double diffusion(double t) const { return std::sqrt(beta(t)); }
  /// Throws Error for t outside [0, T].
  [[nodiscard]] MarginalProb marginal_prob(double t) const {
    const double log = log_alpha_bar(t);
    return {std::exp(0.5 * log), std::sqrt(-std::expm1(log))};
  }
  /// The t with log_snr(t) = λ, that is ln ᾱ = −ln(1 + e^{−λ}): bisection over the levels, then
  /// linear interpolation. Throws Error if λ is below the log-SNR at T.
  [[nodiscard]] double time_of_log_snr(double lambda) const {
    require_log_snr(lambda);
    const double log = -log1p_exp(-lambda);
    const auto above = std::partition_point(log_alpha_bar_.begin() + 1, log_alpha_bar_.end() - 1,
                                            [log](double entry) { return entry > log; });
    const auto i = static_cast<std::size_t>(above - log_alpha_bar_.begin());
    const double past = (log_alpha_bar_[i - 1] - log) / fall(i);
    return time_within((static_cast<double>(i - 1) + past) / count_, t_max(), lambda);
  }
  /// The transition from step.t_next up to step.t with the intermediate levels omitted; the times
  /// may lie between levels. A negative t_next is taken as 0. Throws Error for times outside [0, T]
  /// or a step that does not decrease t.
  [[nodiscard]] Transition discretize(TimeStep step) const {
    const double s = std::max(0.0, step.t_next);
    require(step.t_next < step.t, "DDPM SDE: the step goes from ", step.t, " to ", step.t_next,
            "; time must decrease");
    const double log = log_alpha_bar(step.t), log_next = log_alpha_bar(s), kept = log - log_next;
    return {std::exp(0.5 * kept), -std::expm1(kept), std::sqrt(-std::expm1(log)),
            std::sqrt(-std::expm1(log_next))};
  }
  /// α = 1 − β_i in the step size of Langevin dynamics.
  [[nodiscard]] double langevin_scale(double t) const { return std::exp(-fall(level(t))); }

  [[nodiscard]] double prior_std() const { return 1; }
  /// Level 1, the lowest noise level of the chain. Level 0, the data, is reached by a last step
  /// without noise (level_grid) or by denoising.
  [[nodiscard]] double t_min() const { return 1 / count_; }
  [[nodiscard]] double t_max() const { return static_cast<double>(training_steps()) / count_; }

 private:
  /// −ln(1 − β_i).
  [[nodiscard]] double fall(std::size_t i) const {
    return log_alpha_bar_[i - 1] - log_alpha_bar_[i];
  }

  double count_;                            // N
  std::vector<double> log_alpha_bar_{0.0};  // of levels 0, 1, …
};

/// `steps` steps from the last level to the data, over levels spaced as evenly as integers allow:
/// all of them for steps = training_steps(). With Ancestral this is DDPM's sampler, whose last step
/// adds no noise. Lin et al. 2023 (arXiv:2305.08891), table 2, call this spacing trailing. Throws
/// Error for steps outside 1 … training_steps().
[[nodiscard]] inline TimeGrid level_grid(const DdpmSde& sde, std::size_t steps) {
  const std::size_t levels = sde.training_steps();
  require(steps >= 1 && steps <= levels, "level grid: steps is ", steps,
          "; it must be 1 to the chain's ", levels);
  std::vector<double> times(steps + 1);
  for (std::size_t k = 0; k <= steps; ++k)  // levels·(1 − k/steps), rounded
    times[k] = sde.time_of_level((2 * levels * (steps - k) + steps) / (2 * steps));
  return TimeGrid(times);
}

static_assert(DiscreteSde<DdpmSde>);

}  // namespace scoresde
