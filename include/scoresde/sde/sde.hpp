// SPDX-License-Identifier: MIT
/// Sde: a linear diffusion dx = f(t) x dt + g(t) dw, described by scalar functions of time.
///
///   p(x_t | x_0) = N(mean(t)·x_0, std(t)² I),   mean' = f·mean,   (std²)' = 2f·std² + g²
///
/// Song et al. 2021 (arXiv:2011.13456), section 3 and appendix B. testing/sde_laws.hpp checks these
/// identities for any model of the concept.
#pragma once

#include <concepts>

#include <scoresde/error.hpp>
#include <scoresde/time/log_snr.hpp>
#include <scoresde/time/time_grid.hpp>

namespace scoresde {

/// Perturbation kernel p(x_t | x_0) = N(x_t; mean·x_0, std²·I).
struct MarginalProb {
  double mean = 1;
  double std = 0;
};

/// The transition of the forward process that ends at t: x_t = mean·x_s + √variance·z with s =
/// t_next < t, and the marginal standard deviations at both ends.
struct Transition {
  double mean = 1;
  double variance = 0;
  double std = 0;       ///< of p(x_t | x_0)
  double std_next = 0;  ///< of p(x_s | x_0)
};

/// Optional members, used if present: discretize(TimeStep) → Transition, a discrete chain specific
/// to the SDE (DDPM, SMLD); langevin_scale(t), the factor α in the step size of Langevin dynamics
/// (default 1); time_of_log_snr(λ) → t, the closed-form inverse of log_snr (default: found by
/// iteration); prior_mean(), a double for all elements or a std::span<const double> of size 1 or
/// dim (default 0; sde/with_prior_mean.hpp adds one).
template <class S>
concept Sde = std::copyable<S> && requires(const S& sde, double t) {
  { sde.drift(t) } -> std::same_as<double>;                // f(t)
  { sde.diffusion(t) } -> std::same_as<double>;            // g(t) ≥ 0
  { sde.marginal_prob(t) } -> std::same_as<MarginalProb>;  // exact, accurate down to t = 1e-5
  { sde.prior_std() } -> std::same_as<double>;             // p_T ≈ N(prior_mean, prior_std²·I)
  { sde.t_min() } -> std::same_as<double>;                 // ε, where sampling stops
  { sde.t_max() } -> std::same_as<double>;                 // T
};

/// Instantiation reports the first member that a type lacks to be an Sde.
template <class S>
struct SdeArgument {
  static_assert(std::copyable<S>, "SDE: the type is not copyable; samplers store a copy");
  static_assert(
      requires(const S& sde, double t) {
        { sde.drift(t) } -> std::same_as<double>;
      },
      "SDE: drift(double t) const is missing or does not return double");
  static_assert(
      requires(const S& sde, double t) {
        { sde.diffusion(t) } -> std::same_as<double>;
      },
      "SDE: diffusion(double t) const is missing or does not return double");
  static_assert(
      requires(const S& sde, double t) {
        { sde.marginal_prob(t) } -> std::same_as<MarginalProb>;
      },
      "SDE: marginal_prob(double t) const is missing or does not return scoresde::MarginalProb");
  static_assert(
      requires(const S& sde) {
        { sde.prior_std() } -> std::same_as<double>;
      },
      "SDE: prior_std() const is missing or does not return double");
  static constexpr bool checked = TimesArgument<S>::checked;
};

/// Throws Error for a time outside [0, t_max]; `sde` is the beginning of the message.
inline void require_time(const char* sde, double t, double t_max) {
  require(t >= 0 && t <= t_max, sde, ": time ", t, " is outside [0, ", t_max, "]");
}

}  // namespace scoresde
