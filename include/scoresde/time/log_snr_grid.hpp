// SPDX-License-Identifier: MIT
/// Grids that are uniform in a function of the noise level instead of time.
///
///   log-SNR:  λᵢ = λ(T) + i/N (λ(ε) − λ(T))
///   Karras:   (σ/α)ᵢ = ((σ/α)_T^{1/ρ} + i/N ((σ/α)_ε^{1/ρ} − (σ/α)_T^{1/ρ}))^ρ
///   polyexponential:  λᵢ = λ(ε) + (1 − i/N)^ρ (λ(T) − λ(ε))
///   VP:       (σ/α)ᵢ = √(e^{½ β_d uᵢ² + β_min uᵢ} − 1),   u from 1 to ε_s in equal steps
///   beta:     (σ/α)ᵢ = (σ/α)_ε + q(1 − i/N) ((σ/α)_T − (σ/α)_ε),   q the quantiles of beta(a, b)
///
/// Lu et al. 2022 (arXiv:2206.00927), section 4.3; Karras et al. 2022 (arXiv:2206.00364), eq. 5;
/// Lee et al. 2024 (arXiv:2407.12173) for beta. k-diffusion and diffusers call the log-SNR grid
/// exponential or Lu; polyexponential and VP are k-diffusion's. σ/α = e^{−λ/2} is the noise level
/// of x/α, so every grid applies to every linear SDE.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include <scoresde/time/beta_distribution.hpp>
#include <scoresde/time/log_snr.hpp>
#include <scoresde/time/time_grid.hpp>

namespace scoresde {
namespace detail {

/// Times from t_max to eps whose log-SNR at fraction u in (0, 1) is between(first, last, u).
template <class S, class F>
[[nodiscard]] TimeGrid grid_by_log_snr(const S& sde, double t_max, double eps, std::size_t steps,
                                       const F& between) {
  check_span(steps, eps, t_max);
  const double first = log_snr(sde, t_max), last = log_snr(sde, eps);
  require(std::isfinite(first) && std::isfinite(last), "time grid: the log-SNR goes from ", first,
          " at t = ", t_max, " to ", last, " at eps = ", eps, "; both must be finite");
  std::vector<double> times(steps + 1);
  for (std::size_t i = 1; i < steps; ++i) {
    const double u = static_cast<double>(i) / static_cast<double>(steps);
    times[i] = time_of_log_snr(sde, between(first, last, u));
  }
  times.front() = t_max;
  times.back() = eps;
  return TimeGrid(times);
}

}  // namespace detail

/// `steps` steps from t_max to eps, uniform in log-SNR. Throws Error for steps = 0, eps outside [0,
/// t_max) and a log-SNR that is infinite at an end (eps = 0 under VP).
template <class S>
[[nodiscard]] TimeGrid log_snr_grid(const S& sde, double t_max, double eps, std::size_t steps) {
  return detail::grid_by_log_snr(sde, t_max, eps, steps, [](double first, double last, double u) {
    return first + u * (last - first);
  });
}

/// From the SDE's t_max to its t_min.
template <class S>
[[nodiscard]] TimeGrid log_snr_grid(const S& sde, std::size_t steps) {
  static_assert(TimesArgument<S>::checked && detail::MarginalArgument<S>::checked);
  return log_snr_grid(sde, sde.t_max(), sde.t_min(), steps);
}

/// `steps` steps from t_max to eps, uniform in (σ/α)^{1/ρ}; Karras et al. use ρ = 7. Throws Error
/// unless ρ is positive and finite and both powers are different numbers, and as log_snr_grid does.
template <class S>
[[nodiscard]] TimeGrid karras_grid(const S& sde, double t_max, double eps, std::size_t steps,
                                   double rho = 7) {
  require(rho > 0 && std::isfinite(rho), "Karras grid: rho is ", rho,
          "; it must be positive and finite");
  return detail::grid_by_log_snr(
      sde, t_max, eps, steps, [rho](double first, double last, double u) {
        const double from = std::exp(-first / (2 * rho)), to = std::exp(-last / (2 * rho));
        require(std::isfinite(from) && to > 0 && to < from, "Karras grid: rho is ", rho,
                "; the powers 1/rho of the first and the last noise level, ", from, " and ", to,
                ", must be finite, positive and different");
        return -2 * rho * std::log(from + u * (to - from));
      });
}

/// From the SDE's t_max to its t_min.
template <class S>
[[nodiscard]] TimeGrid karras_grid(const S& sde, std::size_t steps, double rho = 7) {
  static_assert(TimesArgument<S>::checked && detail::MarginalArgument<S>::checked);
  return karras_grid(sde, sde.t_max(), sde.t_min(), steps, rho);
}

/// `steps` steps from t_max to eps whose log-SNR follows a power ρ of uniform steps; ρ = 1 is
/// log_snr_grid. Throws Error unless ρ is positive and finite, and as log_snr_grid does.
template <class S>
[[nodiscard]] TimeGrid polyexponential_grid(const S& sde, double t_max, double eps,
                                            std::size_t steps, double rho = 1) {
  require(rho > 0 && std::isfinite(rho), "polyexponential grid: rho is ", rho,
          "; it must be positive and finite");
  return detail::grid_by_log_snr(sde, t_max, eps, steps,
                                 [rho](double first, double last, double u) {
                                   return last + std::pow(1 - u, rho) * (first - last);
                                 });
}

/// From the SDE's t_max to its t_min.
template <class S>
[[nodiscard]] TimeGrid polyexponential_grid(const S& sde, std::size_t steps, double rho = 1) {
  static_assert(TimesArgument<S>::checked && detail::MarginalArgument<S>::checked);
  return polyexponential_grid(sde, sde.t_max(), sde.t_min(), steps, rho);
}

/// The shape of a beta distribution; a, b < 1 concentrates steps at both ends.
struct BetaShape {
  double a = 0.6, b = 0.6;
};

/// `steps` steps from t_max to eps with σ/α at the quantiles of a beta distribution between its end
/// values. Throws Error unless a and b are positive and finite, and as log_snr_grid does.
template <class S>
[[nodiscard]] TimeGrid beta_grid(const S& sde, double t_max, double eps, std::size_t steps,
                                 BetaShape shape = {}) {
  detail::require_shape(shape.a, shape.b);
  return detail::grid_by_log_snr(
      sde, t_max, eps, steps, [shape](double first, double last, double u) {
        const double from = std::exp(-0.5 * first), to = std::exp(-0.5 * last);
        return -2 * std::log(to + beta_quantile(1 - u, shape.a, shape.b) * (from - to));
      });
}

/// From the SDE's t_max to its t_min.
template <class S>
[[nodiscard]] TimeGrid beta_grid(const S& sde, std::size_t steps, BetaShape shape = {}) {
  static_assert(TimesArgument<S>::checked && detail::MarginalArgument<S>::checked);
  return beta_grid(sde, sde.t_max(), sde.t_min(), steps, shape);
}

/// The VP SDE whose noise levels a VP grid uses.
struct VpNoise {
  double beta_d = 19.9, beta_min = 0.1;
  double eps_s = 1e-3;  ///< the time at which it ends

  /// λ of that SDE at time u.
  [[nodiscard]] double log_snr(double u) const {
    return -std::log(std::expm1(0.5 * beta_d * u * u + beta_min * u));
  }
};

/// `steps` steps over the σ/α of a VP SDE at uniform times from 1 to eps_s; for VpSde this is
/// uniform_grid. Throws Error for steps = 0, parameters that are not positive, eps_s ≥ 1, and noise
/// levels that `sde` does not reach (σ/α = 152 at the first time, by default).
template <class S>
[[nodiscard]] TimeGrid vp_grid(const S& sde, std::size_t steps, VpNoise noise = {}) {
  static_assert(TimesArgument<S>::checked && detail::MarginalArgument<S>::checked);
  require(noise.beta_d > 0 && noise.beta_min > 0, "VP grid: beta_d is ", noise.beta_d,
          " and beta_min ", noise.beta_min, "; both must be positive");
  require(noise.eps_s > 0, "VP grid: eps_s is ", noise.eps_s, "; it must be positive");
  std::vector<double> times;
  const TimeGrid even = uniform_grid(1, noise.eps_s, steps);
  for (const TimeStep& step : even) times.push_back(time_of_log_snr(sde, noise.log_snr(step.t)));
  times.push_back(time_of_log_snr(sde, noise.log_snr(noise.eps_s)));
  return TimeGrid(times);
}

// Without the number of steps.
template <class S>
StepsMissing<S> log_snr_grid(const S&);
template <class S>
StepsMissing<S> karras_grid(const S&);
template <class S>
StepsMissing<S> polyexponential_grid(const S&);
template <class S>
StepsMissing<S> beta_grid(const S&);
template <class S>
StepsMissing<S> vp_grid(const S&);

}  // namespace scoresde
