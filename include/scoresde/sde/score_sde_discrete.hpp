// SPDX-License-Identifier: MIT
/// The discrete chains of score_sde: SMLD, DDPM, and Euler's chain of sub-VP.
///
///   SMLD:    x_i = x_{i−1} + √(σ_i² − σ_{i−1}²) z,   σ_i = exp(linspace(ln σ_min, ln σ_max, N))
///   DDPM:    x_i = √(1 − β_i) x_{i−1} + √β_i z,      β_i = linspace(β_min/N, β_max/N, N)
///   sub-VP:  x_i = (1 + f(t)/N) x_{i−1} + g(t)/√N z
///
/// Index i = ⌊t(N − 1)/T⌋, σ_{−1} = 0. Song et al. 2021 (arXiv:2011.13456), eq. 8, 10 and 27 and
/// appendix E. Drift, diffusion and marginal are those of the continuous SDE, the limit of the
/// chain as N → ∞, so the same predictors sample networks trained in either way.
///
/// The chain has a single step length, T/N: N is the number of both training levels and sampler
/// steps. Steps of any other length are rejected.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include <scoresde/sde/ddpm_betas.hpp>
#include <scoresde/sde/discrete_sde.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/transition.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>

namespace scoresde {
namespace detail {

/// The levels of a discrete chain on [0, 1].
class DiscreteLevels {
 public:
  DiscreteLevels(const char* sde, std::size_t count) : sde_(sde), count_(count) {
    require(count >= 2, sde, ": ", count, " training steps given; at least 2 are needed");
  }
  [[nodiscard]] std::size_t count() const { return count_; }
  /// ⌊t(N − 1)⌋.
  [[nodiscard]] std::size_t index(double t) const {
    require_time(sde_, t, 1);
    // The tolerance absorbs rounding in i/(N − 1).
    return static_cast<std::size_t>(t * static_cast<double>(count_ - 1) + 1e-9);
  }
  /// i/(N − 1).
  [[nodiscard]] double time(std::size_t i) const {
    require(i < count_, sde_, ": level ", i, " requested; the ", count_,
            " levels are numbered from 0");
    return static_cast<double>(i) / static_cast<double>(count_ - 1);
  }
  /// Throws Error unless the step is about 1/N long.
  [[nodiscard]] std::size_t index(TimeStep step) const {
    const double levels = (step.t - step.t_next) * static_cast<double>(count_);
    require(levels > 0.5 && levels < 1.5, sde_, ": the step from ", step.t, " to ", step.t_next,
            " spans ", levels, " of the chain's ", count_,
            " levels; it must span 1, so the grid needs as many steps as the chain");
    return index(step.t);
  }
  /// Entry i of linspace(first, last, N).
  [[nodiscard]] double linspace(double first, double last, std::size_t i) const {
    return scoresde::linspace(first, last, i, count_);
  }

 private:
  const char* sde_;
  std::size_t count_;
};

/// Returns β_i. Throws Error unless it is below 1.
inline double require_beta(const char* sde, double beta) {
  require(beta < 1, sde, ": beta_i is ", beta, "; N must be large enough that beta_max / N < 1");
  return beta;
}

}  // namespace detail

/// VE with the SMLD chain of N noise levels.
class DiscreteVeSde : public VeSde {
 public:
  /// Throws Error for fewer than 2 training steps or a schedule that VeSde rejects.
  explicit DiscreteVeSde(std::size_t training_steps, SigmaSchedule schedule = {})
      : VeSde(schedule), levels_("discrete VE SDE", training_steps) {}

  [[nodiscard]] std::size_t training_steps() const { return levels_.count(); }
  /// t_i = i/(N − 1), where σ(t_i) = σ_i. Throws Error for i ≥ N.
  [[nodiscard]] double training_time(std::size_t i) const { return levels_.time(i); }
  /// i = ⌊t(N − 1)⌋. Throws Error for t outside [0, 1].
  [[nodiscard]] std::size_t index(double t) const { return levels_.index(t); }
  /// σ_i, ascending.
  [[nodiscard]] double discrete_sigma(std::size_t i) const {
    const auto& [low, high, t_min] = schedule();
    return std::exp(levels_.linspace(std::log(low), std::log(high), i));
  }
  /// The SMLD step up to level ⌊t(N − 1)⌋. Throws Error unless the step is about 1/N long.
  [[nodiscard]] Transition discretize(TimeStep step) const {
    const std::size_t i = levels_.index(step);
    const double sigma = discrete_sigma(i);
    const double below = i == 0 ? 0 : discrete_sigma(i - 1);
    return {1, (sigma - below) * (sigma + below), sigma, below};
  }
  /// α in the step size of Langevin dynamics.
  [[nodiscard]] double langevin_scale(double) const { return 1; }

 private:
  detail::DiscreteLevels levels_;
};

/// VP with the DDPM chain of N levels.
class DiscreteVpSde : public VpSde {
 public:
  /// Throws Error for fewer than 2 training steps or a schedule that VpSde rejects.
  explicit DiscreteVpSde(std::size_t training_steps, BetaSchedule schedule = {})
      : VpSde(schedule), levels_("discrete VP SDE", training_steps) {
    double log_alpha_bar = 0;
    for (std::size_t i = 0; i < training_steps; ++i) {
      log_alpha_bar += std::log1p(-std::min(1.0, discrete_beta(i)));
      chain_.push_back({std::exp(0.5 * log_alpha_bar), std::sqrt(-std::expm1(log_alpha_bar))});
    }
  }

  [[nodiscard]] std::size_t training_steps() const { return levels_.count(); }
  /// t_i = i/(N − 1). Throws Error for i ≥ N.
  [[nodiscard]] double training_time(std::size_t i) const { return levels_.time(i); }
  /// The chain's {√ᾱ_i, √(1 − ᾱ_i)} at i = ⌊t(N − 1)⌋; marginal_prob, that of the continuous SDE,
  /// only approximates it. Throws Error for t outside [0, 1].
  [[nodiscard]] MarginalProb training_marginal(double t) const { return chain_[index(t)]; }
  /// i = ⌊t(N − 1)⌋. Throws Error for t outside [0, 1].
  [[nodiscard]] std::size_t index(double t) const { return levels_.index(t); }
  /// β_i, ascending.
  [[nodiscard]] double discrete_beta(std::size_t i) const {
    const auto count = static_cast<double>(levels_.count());
    return levels_.linspace(schedule().beta_min / count, schedule().beta_max / count, i);
  }
  /// The DDPM step up to level ⌊t(N − 1)⌋; std = √(1 − ᾱ_i). Throws Error unless the step is about
  /// 1/N long and β_i < 1, which fails for a chain of N ≤ β_max levels.
  [[nodiscard]] Transition discretize(TimeStep step) const {
    const std::size_t i = levels_.index(step);
    const double beta = detail::require_beta("discrete VP SDE", discrete_beta(i));
    return {std::sqrt(1 - beta), beta, chain_[i].std, i == 0 ? 0 : chain_[i - 1].std};
  }
  /// α = 1 − β_i in the step size of Langevin dynamics. Throws Error unless β_i < 1.
  [[nodiscard]] double langevin_scale(double t) const {
    return 1 - detail::require_beta("discrete VP SDE", discrete_beta(index(t)));
  }

 private:
  detail::DiscreteLevels levels_;
  std::vector<MarginalProb> chain_;  // of levels 0, 1, …
};

/// Sub-VP with Euler's chain of N steps.
class DiscreteSubVpSde : public SubVpSde {
 public:
  /// Throws Error for fewer than 2 training steps or a schedule that SubVpSde rejects.
  explicit DiscreteSubVpSde(std::size_t training_steps, BetaSchedule schedule = {})
      : SubVpSde(schedule), levels_("discrete sub-VP SDE", training_steps) {}

  [[nodiscard]] std::size_t training_steps() const { return levels_.count(); }
  /// i = ⌊t(N − 1)⌋. Throws Error for t outside [0, 1].
  [[nodiscard]] std::size_t index(double t) const { return levels_.index(t); }
  /// The Euler step of length 1/N that ends at t. Throws Error unless the step is about 1/N long.
  [[nodiscard]] Transition discretize(TimeStep step) const {
    static_cast<void>(levels_.index(step));
    const double h = 1 / static_cast<double>(levels_.count());
    const double g = diffusion(step.t);
    return {1 + h * drift(step.t), h * g * g, marginal_prob(step.t).std,
            marginal_prob(std::max(0.0, step.t - h)).std};
  }
  /// α = 1 − β_i: sub-VP has the mean of VP, and α is the square of the factor by which a step
  /// scales it. (score_sde defines no value here and fails.) Throws Error unless β_i < 1.
  [[nodiscard]] double langevin_scale(double t) const {
    const auto count = static_cast<double>(levels_.count());
    return 1 -
           detail::require_beta("discrete sub-VP SDE",
                                levels_.linspace(schedule().beta_min / count,
                                                 schedule().beta_max / count, levels_.index(t)));
  }

 private:
  detail::DiscreteLevels levels_;
};

static_assert(DiscreteSde<DiscreteVeSde> && DiscreteSde<DiscreteVpSde>);
// No network is trained on discrete levels of sub-VP; its chain is for samplers only.
static_assert(Sde<DiscreteSubVpSde> && !DiscreteSde<DiscreteSubVpSde>);

}  // namespace scoresde
