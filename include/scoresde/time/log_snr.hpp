// SPDX-License-Identifier: MIT
/// The log-SNR λ(t) and its inverse.
///
///   λ(t) = ln(mean²/std²),   dλ/dt = −g²/std² < 0
///
/// The derivative follows from the identities of the marginal, mean' = f·mean and (std²)' = 2f·std²
/// + g² (Song et al. 2021, arXiv:2011.13456, appendix B), so λ is invertible for every linear SDE.
#pragma once

#include <cmath>
#include <concepts>

#include <scoresde/error.hpp>

namespace scoresde {

namespace detail {

/// marginal_prob(t) gives a mean and a standard deviation.
template <class S>
concept HasMarginal = requires(const S& sde, double t) {
  sde.marginal_prob(t).mean, sde.marginal_prob(t).std;
};

/// Instantiation reports an SDE whose marginal_prob is missing or not one.
template <class S>
struct MarginalArgument {
  static_assert(HasMarginal<S>,
                "SDE: marginal_prob(double t) const is missing or does not return "
                "scoresde::MarginalProb");
  static constexpr bool checked = true;
};

}  // namespace detail

/// λ(t) = ln(mean²/std²), strictly decreasing in t; infinite where std is 0.
template <detail::HasMarginal S>
[[nodiscard]] double log_snr(const S& sde, double t) {
  const auto p = sde.marginal_prob(t);
  return 2 * (std::log(p.mean) - std::log(p.std));
}

/// ln(1 + eˣ) without overflow or cancellation.
[[nodiscard]] inline double log1p_exp(double x) {
  return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
}

/// Throws Error for a log-SNR that is not finite; for time_of_log_snr(λ) of an SDE.
inline void require_log_snr(double log_snr) {
  require(std::isfinite(log_snr), "time of log-SNR: the log-SNR is ", log_snr,
          "; it must be finite, so noise-free data cannot be reached");
}

/// t, clamped to [0, t_max] if it is outside only by rounding.
[[nodiscard]] inline double time_within(double t, double t_max, double log_snr) {
  const double slack = 1e-9 * t_max;
  require(t >= -slack && t <= t_max + slack, "time of log-SNR: ", log_snr, " is reached at t = ", t,
          ", outside [0, T] with T = ", t_max);
  return t < 0 ? 0 : (t > t_max ? t_max : t);
}

namespace detail {

/// Newton iteration on λ within a bracket that shrinks in every iteration.
template <class S>
[[nodiscard]] double bracketed_time_of_log_snr(const S& sde, double target) {
  double low = 0, high = sde.t_max();
  const double lowest = log_snr(sde, high), highest = log_snr(sde, low);
  const double slack = 1e-12 * (1 + std::abs(target));
  require(target >= lowest - slack && target <= highest + slack, "time of log-SNR: ", target,
          " is outside [", lowest, ", ", highest, "], the range of this SDE");
  if (target <= lowest) return high;
  if (target >= highest) return low;
  double t = 0.5 * (low + high);
  for (int iteration = 0; iteration < 200; ++iteration) {
    const double excess = log_snr(sde, t) - target;
    (excess > 0 ? low : high) = t;
    const double noise = sde.marginal_prob(t).std / sde.diffusion(t);
    double next = t + excess * noise * noise;
    if (!(next > low && next < high) && next != t) next = 0.5 * (low + high);
    if (std::abs(next - t) <= 2e-16 * t) return next;
    t = next;
  }
  return t;
}

}  // namespace detail

/// The t with λ(t) = log_snr: by the SDE's closed-form time_of_log_snr(λ) if it has one, by
/// bracketed iteration otherwise. Throws Error for a log-SNR that is not finite or not reached on
/// [0, t_max].
template <class S>
[[nodiscard]] double time_of_log_snr(const S& sde, double log_snr) {
  require_log_snr(log_snr);
  if constexpr (requires {
                  { sde.time_of_log_snr(log_snr) } -> std::same_as<double>;
                })
    return sde.time_of_log_snr(log_snr);
  else
    return detail::bracketed_time_of_log_snr(sde, log_snr);
}

/// The same for any log-SNR, including infinite ones: values outside the range of [first, t_max]
/// are clamped to it.
template <class S>
[[nodiscard]] double nearest_time_of_log_snr(const S& sde, double wanted, double first) {
  if (wanted <= log_snr(sde, sde.t_max())) return sde.t_max();
  return wanted >= log_snr(sde, first) ? first : time_of_log_snr(sde, wanted);
}

}  // namespace scoresde
