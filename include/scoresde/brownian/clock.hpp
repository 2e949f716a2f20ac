// SPDX-License-Identifier: MIT
/// Clocks: the accumulated variance of a Brownian path as a function of time.
///
///   TimeClock:    u = |t − begin|
///   LogSnrClock:  u = e^{rate·λ},   λ = ln(mean²/std²)
///
/// A clock maps a time to its position(t) ∈ [0, 1] between the two ends of the path, and a position
/// to the variance. docs/noise.md derives the clock for each sampler.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <utility>

#include <scoresde/error.hpp>
#include <scoresde/time/log_snr.hpp>

namespace scoresde {

/// position(t): 0 at the beginning of the path, 1 at its end, strictly monotone in between; throws
/// Error for times outside the path. variance(p): u at position p, strictly increasing.
template <class C>
concept BrownianClock = std::copyable<C> && requires(const C& clock, double value) {
  { clock.position(value) } -> std::same_as<double>;
  { clock.variance(value) } -> std::same_as<double>;
};

namespace detail {

/// t, clamped to the path if it is outside only by rounding.
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

/// The clock of Euler-Maruyama: the noise of a step is g √|h| z, an increment of W in time.
class TimeClock {
 public:
  /// Throws Error unless begin and end are finite and different; either may be the larger.
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

/// The clock of steps that solve the linear part of the SDE exactly; rate 1 is for ancestral steps,
/// whose noise in this clock is additive on (mean/std²)·x. Positions are linear in λ.
template <class S>
class LogSnrClock {
 public:
  /// From noise at t = begin to data at t = end. Throws Error unless end < begin, the log-SNR is
  /// finite at both, and rate is positive and finite.
  LogSnrClock(S sde, double begin, double end, double rate = 1)
      : sde_(std::move(sde)), begin_(begin), end_(end), rate_(rate) {
    detail::require_ends("log-SNR clock", begin, end);
    require(end < begin, "log-SNR clock: the path goes from ", begin, " up to ", end,
            "; time must decrease, as the log-SNR grows towards the data");
    require(rate > 0 && std::isfinite(rate), "log-SNR clock: rate is ", rate,
            "; it must be positive and finite");
    first_ = log_snr(sde_, begin);
    last_ = log_snr(sde_, end);
    require(std::isfinite(first_) && std::isfinite(last_), "log-SNR clock: the log-SNR is ", first_,
            " at t = ", begin, " and ", last_, " at t = ", end, "; both must be finite");
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
