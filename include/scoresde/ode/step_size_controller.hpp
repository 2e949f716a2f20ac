// SPDX-License-Identifier: MIT
/// Step-size control with the conventions of scipy's RK45.
///
///   accepted when error < 1;   h ← h · clamp(0.9 error^(−1/(q+1)), 0.2, 10),   no growth right
///   after a rejection
///
/// q is the order of the error estimate (4 for Dormand-Prince 5(4)); error is the root mean square
/// of error_e / (atol + rtol·max(|x_e|, |y_e|)). A trial whose error is not finite is rejected, and
/// h ← 0.2 h: its stages have left the field's domain or overflowed, which shorter ones need not
/// do; a field that is not finite where a step begins ends the solve, and so does h below 10 units
/// in the last place of t. Hairer, Nørsett & Wanner, Solving Ordinary Differential Equations I,
/// section II.4 (eq. 4.13 and the starting step of p. 169).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

#include <scoresde/error.hpp>

namespace scoresde {

/// Whose error sets the step size. Over the whole batch, scipy's convention when a batch is
/// flattened into one vector, a sample depends on its batch; per sample it does not.
enum class StepControl { whole_batch_scipy, per_sample };

/// What an adaptive solve allows.
struct StepLimits {
  double rtol = 1e-5;
  double atol = 1e-5;
  std::size_t max_steps = 10000;  ///< tries, accepted or not
};

/// Steps tried at once, one entry per sample, or one in all under control of the whole batch.
struct TriedSteps {
  std::span<const double> t;         ///< where each step begins
  std::span<const double> t_next;    ///< where it would end; t of a sample that has arrived
  std::span<const double> error;     ///< the scaled error; below 1 is accepted, NaN or ∞ is not
  std::span<const double> accepted;  ///< 1 where the step was taken, 0 elsewhere
};

/// The factors by which a step grows and shrinks.
struct StepSizeController {
  int error_order = 4;
  double safety = 0.9;
  double min_factor = 0.2;
  double max_factor = 10;

  /// After an accepted step, error < 1.
  [[nodiscard]] double accepted(double error, bool rejected_before) const {
    const double factor = error == 0 ? max_factor : std::min(max_factor, raw(error));
    return rejected_before ? std::min(1.0, factor) : factor;
  }
  /// After a rejected step, error ≥ 1 or not finite.
  [[nodiscard]] double rejected(double error) const {
    return std::isfinite(error) ? std::max(min_factor, raw(error)) : min_factor;
  }

  /// The trial step of the starting procedure, from the scaled norms of x and its slope.
  [[nodiscard]] static double trial_step(double state_norm, double slope_norm, double interval) {
    const double h = state_norm < 1e-5 || slope_norm < 1e-5 ? 1e-6 : 0.01 * state_norm / slope_norm;
    return std::min(h, interval);
  }
  /// The first step, from the trial step, the scaled norm of the slope and that of the slope's
  /// change over the trial step divided by its length, which does not count where it is NaN.
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

namespace detail {

/// Ten units in the last place of t: steps below that do not move it reliably.
[[nodiscard]] inline double smallest_step(double t, double direction) {
  const double next = std::nextafter(t, direction * std::numeric_limits<double>::infinity());
  return 10 * std::abs(next - t);
}

/// A step of size h_abs from t that does not pass `bound`.
[[nodiscard]] inline double clamped_end(double t, double h_abs, double direction, double bound) {
  const double end = t + direction * h_abs;
  return direction * (end - bound) > 0 ? bound : end;
}

/// `error` is that of the trial before, whose rejection made the step so short.
inline void require_step(double h_abs, double t, double direction, double error) {
  require(h_abs >= smallest_step(t, direction), "adaptive runge-kutta: the step at t = ", t,
          " fell to ", h_abs,
          std::isfinite(error)
              ? "; the field is too rough or the tolerance too small there"
              : "; the model's output is not finite there, however short the step is");
}

/// Of a norm at the state where a solve begins.
inline void require_finite(double norm, const char* what, double t) {
  require(std::isfinite(norm), "adaptive runge-kutta: ", what, " at t = ", t, " is not finite");
}

}  // namespace detail
}  // namespace scoresde
