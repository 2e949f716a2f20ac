// SPDX-License-Identifier: MIT
/// check_sde_laws: checks the identities of an SDE by numerical differentiation.
///
///   mean' = f·mean,   (std²)' = 2f·std² + g²,   λ(t) = ln(mean²/std²) strictly decreasing
///
/// Song et al. 2021 (arXiv:2011.13456), eq. 29 (Särkkä & Solin 2019, eq. 5.51). Derivatives are
/// central differences of order 8. For the mean, the step is shortened until two differences agree,
/// since a singularity beyond T may be nearer than a step. For the variance, the step changes it by
/// only 1e-4 of its value, which detects a std that has lost digits (1 − exp instead of expm1).
/// Requires no test framework.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/sde/sde.hpp>

namespace scoresde::testing {

struct SdeLawOptions {
  double tolerance = 1e-8;      ///< relative to the terms of each identity
  double t_lowest = 1e-5;       ///< the smallest time tested
  std::size_t times = 60;       ///< half spaced evenly, half geometrically
  std::vector<double> kinks{};  ///< times where f is discontinuous; no difference spans them
};

/// f'(t) by the central difference of order 8.
template <class F>
[[nodiscard]] double derivative(F f, double t, double h) {
  constexpr double weights[] = {4.0 / 5, -1.0 / 5, 4.0 / 105, -1.0 / 280};
  double sum = 0;
  for (int i = 0; i < 4; ++i) {
    // Use the actual step, so that rounding of t ± ih does not affect the difference.
    const double up = t + (i + 1) * h, down = t - (i + 1) * h;
    sum += weights[i] * (f(up) - f(down)) * (2 * (i + 1) * h / (up - down));
  }
  return sum / h;
}

namespace detail {

using scoresde::text;

/// f'(t) with steps h, h/2, h/4, … until two differences agree within allowed(step), at most 10
/// halvings; `h` becomes the last step.
template <class F, class Allowed>
[[nodiscard]] double settled_derivative(const F& f, double t, double& h, const Allowed& allowed) {
  double slope = derivative(f, t, h);
  for (int halving = 0; halving < 10; ++halving) {
    const double before = slope;
    slope = derivative(f, t, h /= 2);
    if (std::abs(slope - before) <= allowed(h)) break;
  }
  return slope;
}

[[nodiscard]] inline std::vector<double> law_times(double low, double high, std::size_t count) {
  std::vector<double> times;
  const std::size_t half = count / 2 + 1;
  for (std::size_t i = 0; i < half; ++i) {
    const double u = static_cast<double>(i) / static_cast<double>(half);
    times.push_back(low * std::pow(high / low, u));
    times.push_back(low + (u + 0.5 / static_cast<double>(half)) * (high - low));
  }
  return times;
}

/// The longest step of a difference at t that stays below T and between kinks.
[[nodiscard]] inline double room_at(double t, double t_max, const std::vector<double>& kinks) {
  double room = t_max - t;
  for (const double kink : kinks) room = std::fmin(room, std::abs(t - kink));
  return room / 5;
}

template <Sde S>
void check_moments(const S& sde, double t, const SdeLawOptions& options,
                   std::vector<std::string>& violated) {
  const double tolerance = options.tolerance;
  const double room = room_at(t, sde.t_max(), options.kinks);
  if (room == 0) return;
  double h_mean = std::fmin(std::fmin(t / 5, room), 2e-3 * sde.t_max());
  const MarginalProb p = sde.marginal_prob(t);
  const double f = sde.drift(t), g = sde.diffusion(t), variance = p.std * p.std;
  const double terms = 2 * std::abs(f) * variance + g * g;
  const double h_std = std::fmin(h_mean, 1e-4 * variance / terms);
  // Where the mean is flat, differences only measure the rounding of its values.
  const auto allowed = [&](double h) {
    return tolerance * std::abs(f * p.mean) +
           4 * std::numeric_limits<double>::epsilon() * p.mean / h;
  };
  const double mean_slope =
      settled_derivative([&](double s) { return sde.marginal_prob(s).mean; }, t, h_mean, allowed);
  if (!(std::abs(mean_slope - f * p.mean) <= allowed(h_mean)))
    violated.push_back(
        text("mean' = f·mean at t = ", t, ": ", mean_slope, " against ", f * p.mean));
  const double slope = derivative(
      [&](double s) {
        const double std = sde.marginal_prob(s).std;
        return std * std;
      },
      t, h_std);
  const double wanted = 2 * f * variance + g * g;
  if (!(std::abs(slope - wanted) <= tolerance * terms))
    violated.push_back(text("(std²)' = 2f·std² + g² at t = ", t, ": ", slope, " against ", wanted));
}

}  // namespace detail

/// The identities that `sde` violates, each with the time and the two values; empty if none.
template <Sde S>
[[nodiscard]] std::vector<std::string> check_sde_laws(const S& sde, SdeLawOptions options = {}) {
  std::vector<std::string> violated;
  if (!(sde.t_min() >= 0 && sde.t_min() < sde.t_max()))
    return {text("0 <= t_min < t_max: ", sde.t_min(), " and ", sde.t_max())};
  for (const double t : detail::law_times(options.t_lowest, sde.t_max(), options.times)) {
    const MarginalProb p = sde.marginal_prob(t);
    if (!(p.mean > 0 && p.std > 0 && std::isfinite(p.mean) && std::isfinite(p.std)))
      violated.push_back(text("mean and std are positive at t = ", t, ": ", p.mean, ", ", p.std));
    if (!(sde.diffusion(t) >= 0))
      violated.push_back(text("g is nonnegative at t = ", t, ": ", sde.diffusion(t)));
    detail::check_moments(sde, t, options, violated);
  }
  constexpr int grid = 1000;
  double before = log_snr(sde, options.t_lowest);
  for (int i = 1; i <= grid; ++i) {
    const double t = options.t_lowest + (sde.t_max() - options.t_lowest) * i / grid;
    const double now = log_snr(sde, t);
    if (!(now < before)) {
      violated.push_back(text("log-SNR decreases at t = ", t, ": ", now, " after ", before));
      break;
    }
    before = now;
  }
  const double end = sde.marginal_prob(sde.t_max()).std;
  if (!(std::abs(sde.prior_std() - end) <= 0.01 * end))
    violated.push_back(text("prior_std is std(T): ", sde.prior_std(), " against ", end));
  return violated;
}

}  // namespace scoresde::testing
