// SPDX-License-Identifier: MIT
/// Grids that are even in the noise instead of in time.
///
///   log-SNR:  λᵢ = λ(T) + i/N (λ(ε) − λ(T))
///   Karras:   (σ/α)ᵢ = ((σ/α)_T^{1/ρ} + i/N ((σ/α)_ε^{1/ρ} − (σ/α)_T^{1/ρ}))^ρ
///
/// Lu et al. 2022 (arXiv:2206.00927), section 4.3; Karras et al. 2022 (arXiv:2206.00364), eq. 5.
/// σ/α = e^{−λ/2} is the noise of x/α, so that Karras's grid serves every linear SDE.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

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

/// `steps` steps from t_max to eps, equal in log-SNR. Throws Error for steps = 0, eps outside [0,
/// t_max) and a log-SNR that is infinite at an end (eps = 0 under VP).
template <class S>
[[nodiscard]] TimeGrid log_snr_grid(const S& sde, double t_max, double eps, std::size_t steps) {
  return detail::grid_by_log_snr(sde, t_max, eps, steps, [](double first, double last, double u) {
    return first + u * (last - first);
  });
}

/// The same from the SDE's t_max to its t_min.
template <class S>
[[nodiscard]] TimeGrid log_snr_grid(const S& sde, std::size_t steps) {
  static_assert(detail::TimesArgument<S>::checked);
  return log_snr_grid(sde, sde.t_max(), sde.t_min(), steps);
}

/// `steps` steps from t_max to eps, equal in (σ/α)^{1/ρ}; ρ = 7 is Karras et al.'s choice. Throws
/// Error for ρ that is not positive and finite, and as log_snr_grid does.
template <class S>
[[nodiscard]] TimeGrid karras_grid(const S& sde, double t_max, double eps, std::size_t steps,
                                   double rho = 7) {
  detail::require(rho > 0 && std::isfinite(rho), "Karras grid: rho is ", rho,
                  "; it must be positive and finite");
  return detail::grid_by_log_snr(
      sde, t_max, eps, steps, [rho](double first, double last, double u) {
        const double from = std::exp(-first / (2 * rho)), to = std::exp(-last / (2 * rho));
        return -2 * rho * std::log(from + u * (to - from));
      });
}

/// The same from the SDE's t_max to its t_min.
template <class S>
[[nodiscard]] TimeGrid karras_grid(const S& sde, std::size_t steps, double rho = 7) {
  static_assert(detail::TimesArgument<S>::checked);
  return karras_grid(sde, sde.t_max(), sde.t_min(), steps, rho);
}

}  // namespace scoresde
