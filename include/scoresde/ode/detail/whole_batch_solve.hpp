// SPDX-License-Identifier: MIT
/// One step size for the whole batch, from an error norm over all its elements.
///
///   error = √(mean over samples and elements of (error/(atol + rtol·max(|x|, |y|)))²)
///
/// This is scipy's RK45 on the flattened batch; see ode/step_size_controller.hpp.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <utility>

#include <scoresde/ode/ode_integrator.hpp>
#include <scoresde/ode/step_size_controller.hpp>

namespace scoresde::detail {

template <class T, class F, class X, std::size_t N>
class WholeBatchSolve {
 public:
  WholeBatchSolve(const StepLimits& limits, F& field, X& x, Workspace<X, N>& work)
      : limits_(limits), field_(field), result_(&x), x_(&x), y_(&work[stages]), work_(work) {
    for (std::size_t i = 0; i < stages; ++i) output_[i] = &work[i];
  }

  template <class L>
  OdeStatistics run(TimeStep span, L& listener) {
    const double direction = span.t_next > span.t ? 1 : -1;
    double t = span.t;
    double h_abs = first_step(span, direction);
    double error = 0;
    StepAction action = StepAction::proceed;
    while (t != span.t_next && action != StepAction::stop) {
      h_abs = std::max(h_abs, smallest_step(t, direction));
      for (bool rejected = false;;) {
        require_step(h_abs, t, direction, error);
        require(statistics_.accepted + statistics_.rejected < limits_.max_steps,
                "adaptive Runge-Kutta: ", limits_.max_steps, " steps were attempted, but t = ", t,
                " is short of ", span.t_next, "; increase max_steps");
        const TimeStep step{t, clamped_end(t, h_abs, direction, span.t_next)};
        h_abs = std::abs(step.t_next - step.t);
        error = try_step(step);
        if (error < 1) accept(step);
        report(step, error, listener);
        if (error < 1) {
          h_abs *= controller.accepted(error, rejected);
          action = notify_listener(listener, step, statistics_.nfe, *x_);
          break;
        }
        h_abs *= controller.rejected(error);
        rejected = true;
        ++statistics_.rejected;
      }
      t = clamped_time_;
    }
    if (x_ != result_) assign(*result_, {{1, *x_}});
    return statistics_;
  }

 private:
  static constexpr std::size_t stages = T::tableau.stages;
  static constexpr StepSizeController controller{.error_order = T::error_order};
  using Form = LinearForm<stages + 1>;

  X& error_buffer() { return work_[stages + 1]; }

  std::array<const X*, stages + 1> slots() const {
    std::array<const X*, stages + 1> slot{x_};
    for (std::size_t i = 0; i < stages; ++i) slot[i + 1] = output_[i];
    return slot;
  }

  void evaluate(const X& at, double t, std::size_t i) {
    field_.evaluate(at, t, *output_[i]);
    ++statistics_.nfe;
  }

  /// √ of the mean over the batch of the squared scaled RMS of the error buffer.
  double scaled_norm(const X& y) {
    const std::span<double> row = work_.row(0);
    backend(y).scaled_rms(error_buffer(), *x_, y, limits_.atol, limits_.rtol, row);
    double sum = 0;
    for (const double rms : row) sum += rms * rms;
    return std::sqrt(sum / static_cast<double>(row.size()));
  }
  double scaled_norm(const Form& form) {
    assign(error_buffer(), form, slots());
    return scaled_norm(*x_);
  }

  double first_step(TimeStep span, double direction) {
    const double interval = std::abs(span.t_next - span.t);
    evaluate(*x_, span.t, 0);
    StageForms<T> forms(0);
    forms.set_slope(0, field_.form(span.t));
    const Form slope = forms.slope(0);
    const double slope_norm = scaled_norm(slope);
    const double state_norm = scaled_norm(Form::slot(0));
    require_finite(state_norm, "the state", span.t);
    require_finite(slope_norm, "the model's output", span.t);
    const double trial = StepSizeController::trial_step(state_norm, slope_norm, interval);
    const double t = span.t + direction * trial;
    const Form moved = Form::slot(0) + (direction * trial) * slope;
    assign(*y_, moved, slots());
    evaluate(*y_, t, 1);
    const FieldForm form = field_.form(t);
    const double curvature =
        scaled_norm(form.state * moved + form.output * Form::slot(2) + -1.0 * slope) / trial;
    return controller.first_step(trial, slope_norm, curvature, interval);
  }

  /// Writes the new state to y and returns the scaled norm of its error, which is not finite if a
  /// stage is not.
  double try_step(TimeStep step) {
    StageForms<T> forms(step.t_next - step.t);
    forms.set_slope(0, field_.form(step.t));
    for (std::size_t i = 1; i < stages; ++i) {
      const double t = stage_time<T>(step, i);
      assign(*y_, forms.stage(i), slots());
      evaluate(*y_, t, i);
      forms.set_slope(i, field_.form(t));
    }
    assign(error_buffer(), forms.error(), slots());
    return scaled_norm(*y_);
  }

  template <class L>
  void report(TimeStep step, double error, L& listener) const {
    const double accepted = error < 1 ? 1 : 0;
    notify_attempt(listener,
                   StepAttempts{{&step.t, 1}, {&step.t_next, 1}, {&error, 1}, {&accepted, 1}}, *x_);
  }

  void accept(TimeStep step) {
    std::swap(x_, y_);
    std::swap(output_[0], output_[stages - 1]);
    clamped_time_ = step.t_next;
    ++statistics_.accepted;
  }

  StepLimits limits_;
  F& field_;
  X* result_;
  X* x_;
  X* y_;
  Workspace<X, N>& work_;
  std::array<X*, stages> output_{};
  double clamped_time_ = 0;
  OdeStatistics statistics_{};
};

}  // namespace scoresde::detail
