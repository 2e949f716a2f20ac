// SPDX-License-Identifier: MIT
/// Clocks: how much variance a Brownian path has gathered, as a function of time.
///
///   TimeClock:    u = |t − begin|
///   LogSnrClock:  u = e^{rate·λ},   λ = ln(mean²/std²)
///
/// A clock says where a time lies between the two ends of the path, position(t) ∈ [0, 1], and the
/// variance at a position. docs/noise.md derives which clock fits which sampler.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <utility>

#include <scoresde/error.hpp>
#include <scoresde/time/log_snr.hpp>

namespace scoresde {

/// position(t): 0 at the path's begin, 1 at its end, strictly monotone between; throws Error for
/// other times. variance(p): u at position p, strictly increasing.
template <class C>
concept BrownianClock = std::copyable<C> && requires(const C& clock, double value) {
  { clock.position(value) } -> std::same_as<double>;
  { clock.variance(value) } -> std::same_as<double>;
};

namespace detail {

/// t itself, moved onto the path when rounding alone has carried it past an end.
[[nodiscard]] inline double time_on_path(const char* clock, double t, double begin, double end) {
  const double low = std::min(begin, end), high = std::max(begin, end);
  const double slack = 1e-12 * (high - low);
  require(t >= low - slack && t <= high + slack, clock, ": time ", t,
          " is outside the path, which goes from ", begin, " to ", end);
  return std::clamp(t, low, high);
}

inline void require_ends(const char* clock, double begin, double end) {
  require(std::isfinite(begin) && std::isfinite(end) && begin != end, clock,
          ": the path goes from ", begin, " to ", end, "; two different finite times are needed");
}

}  // namespace detail

/// The clock of Euler-Maruyama: a step's noise is g √|h| z, the increment of W in time.
class TimeClock {
 public:
  /// Throws Error unless begin and end are finite and different; either may be the greater.
  TimeClock(double begin, double end) : begin_(begin), end_(end) {
    detail::require_ends("time clock", begin, end);
  }

  [[nodiscard]] double position(double t) const {
    return (detail::time_on_path("time clock", t, begin_, end_) - begin_) / (end_ - begin_);
  }
  [[nodiscard]] double variance(double position) const {
    return position * std::abs(end_ - begin_);
  }

 private:
  double begin_, end_;
};

static_assert(BrownianClock<TimeClock>);

/// The clock of steps that solve the linear part of the SDE exactly: rate 1 for ancestral steps,
/// which in it are additive noise on (mean/std²)·x. Positions are linear in λ.
template <class S>
class LogSnrClock {
 public:
  /// From t = begin, noise, to t = end, data. Throws Error unless end < begin, both have a finite
  /// log-SNR, and rate is positive and finite.
  LogSnrClock(S sde, double begin, double end, double rate = 1)
      : sde_(std::move(sde)), begin_(begin), end_(end), rate_(rate) {
    detail::require_ends("log-SNR clock", begin, end);
    detail::require(end < begin, "log-SNR clock: the path goes from ", begin, " up to ", end,
                    "; the log-SNR grows towards the data, so time must decrease");
    detail::require(rate > 0 && std::isfinite(rate), "log-SNR clock: rate is ", rate,
                    "; it must be positive and finite");
    first_ = log_snr(sde_, begin);
    last_ = log_snr(sde_, end);
    detail::require(std::isfinite(first_) && std::isfinite(last_), "log-SNR clock: the log-SNR is ",
                    first_, " at t = ", begin, " and ", last_, " at t = ", end,
                    "; both must be finite");
  }
  /// From the SDE's t_max to its t_min.
  explicit LogSnrClock(const S& sde) : LogSnrClock(sde, sde.t_max(), sde.t_min()) {}

  [[nodiscard]] double position(double t) const {
    const double inside = detail::time_on_path("log-SNR clock", t, begin_, end_);
    return (log_snr(sde_, inside) - first_) / (last_ - first_);
  }
  [[nodiscard]] double variance(double position) const {
    return std::exp(rate_ * (first_ + position * (last_ - first_)));
  }

 private:
  S sde_;
  double begin_, end_, rate_, first_ = 0, last_ = 0;
};

}  // namespace scoresde
