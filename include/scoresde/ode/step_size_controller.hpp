// SPDX-License-Identifier: MIT
/// Step-size control with the conventions of scipy's RK45.
///
///   accepted if error < 1
///   h ← h · clamp(0.9 error^(−1/(q+1)), 0.2, 10),   without growth right after a rejection
///
/// q is the order of the error estimate (4 for Dormand-Prince 5(4)); error is the root mean square
/// of error_e / (atol + rtol·max(|x_e|, |y_e|)). An attempt whose error is not finite is rejected
/// and h ← 0.2 h, since a shorter step may keep the stages in the domain of the field or from
/// overflowing. The solve ends with an Error if the field is not finite at its start or if h is
/// less than 10 ulps of t. Hairer, Nørsett & Wanner, Solving Ordinary Differential Equations I,
/// section II.4 (eq. 4.13 and the starting step of p. 169).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

#include <scoresde/error.hpp>

namespace scoresde {

/// The limits of an adaptive solve.
struct StepLimits {
  double rtol = 1e-5;
  double atol = 1e-5;
  std::size_t max_steps = 10000;  ///< attempted steps, accepted or not
};

/// The steps of one attempt: one entry per sample, or a single one under Scope::batch.
struct StepAttempts {
  std::span<const double> t;         ///< the start of each step
  std::span<const double> t_next;    ///< its end; equal to t for a finished sample
  std::span<const double> error;     ///< the scaled error; below 1 is accepted, NaN or ∞ is not
  std::span<const double> accepted;  ///< 1 if the step was accepted, 0 otherwise
};

/// The factors by which the step size grows and shrinks.
struct StepSizeController {
  int error_order = 4;
  double safety = 0.9;
  double min_factor = 0.2;
  double max_factor = 10;

  /// The factor after an accepted step, error < 1.
  [[nodiscard]] double accepted(double error, bool rejected_before) const {
    const double factor = error == 0 ? max_factor : std::min(max_factor, raw(error));
    return rejected_before ? std::min(1.0, factor) : factor;
  }
  /// The factor after a rejected step, error ≥ 1 or not finite.
  [[nodiscard]] double rejected(double error) const {
    return std::isfinite(error) ? std::max(min_factor, raw(error)) : min_factor;
  }

  /// The trial step of the starting procedure, from the scaled norms of x and its slope.
  [[nodiscard]] static double trial_step(double state_norm, double slope_norm, double interval) {
    const double h = state_norm < 1e-5 || slope_norm < 1e-5 ? 1e-6 : 0.01 * state_norm / slope_norm;
    return std::min(h, interval);
  }
  /// The first step, from the trial step, the scaled norm of the slope, and that of the slope's
  /// change over the trial step divided by its length, which is ignored if it is NaN.
  [[nodiscard]] double first_step(double trial, double slope_norm, double curvature_norm,
                                  double interval) const {
    const double largest = std::fmax(slope_norm, curvature_norm);
    const double h = largest <= 1e-15 ? std::max(1e-6, trial * 1e-3)
                                      : std::pow(0.01 / largest, 1.0 / (error_order + 1));
    return std::min({100 * trial, h, interval});
  }

 private:
  [[nodiscard]] double raw(double error) const {
    return safety * std::pow(error, -1.0 / (error_order + 1));
  }
};

/// Ten ulps of t: smaller steps do not advance t reliably.
[[nodiscard]] inline double smallest_step(double t, double direction) {
  const double next = std::nextafter(t, direction * std::numeric_limits<double>::infinity());
  return 10 * std::abs(next - t);
}

namespace detail {

/// The end of a step of size h_abs from t, clamped to `bound`.
[[nodiscard]] inline double clamped_end(double t, double h_abs, double direction, double bound) {
  const double end = t + direction * h_abs;
  return direction * (end - bound) > 0 ? bound : end;
}

/// Throws Error if the step is too small. `error` is that of the previous attempt.
inline void require_step(double h_abs, double t, double direction, double error) {
  require(h_abs >= smallest_step(t, direction), "adaptive Runge-Kutta: the step at t = ", t,
          " fell to ", h_abs,
          std::isfinite(error) ? "; rtol or atol must be larger, or the field smoother there"
                               : "; the model's output must be finite there, even for short steps");
}

/// Throws Error if a norm at the start of a solve is not finite.
inline void require_finite(double norm, const char* what, double t) {
  require(std::isfinite(norm), "adaptive Runge-Kutta: ", what, " at t = ", t, " is not finite");
}

}  // namespace detail
}  // namespace scoresde
