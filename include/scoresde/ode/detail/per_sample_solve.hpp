// SPDX-License-Identifier: MIT
/// A time and a step size per sample, so that a sample's result does not depend on its batch.
///
///   tₖ ← tₖ + hₖ if errorₖ < 1,   errorₖ = √(mean over elements of (error/(atol + rtol·max))²)
///
/// All samples share the evaluations of a sweep; finished samples keep h = 0 until the last one
/// finishes. Forms are recomputed per stage from scalars instead of being stored per sample.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>

#include <scoresde/ode/ode_integrator.hpp>
#include <scoresde/ode/step_size_controller.hpp>

namespace scoresde::detail {

template <class T, class F, class X, std::size_t N>
class PerSampleSolve {
 public:
  PerSampleSolve(const StepLimits& limits, F& field, X& x, Workspace<X, N>& work)
      : limits_(limits), field_(field), x_(x), work_(work), samples_(work.shape().samples) {}

  template <class L>
  OdeStatistics run(TimeStep span, L& listener) {
    bound_ = span.t_next;
    direction_ = span.t_next > span.t ? 1 : -1;
    std::fill(time().begin(), time().end(), span.t);
    std::fill(rejected().begin(), rejected().end(), 0.0);
    first_steps(std::abs(span.t_next - span.t));
    double behind = span.t;
    for (std::size_t sweep = 0; behind != bound_; ++sweep) {
      require(sweep < limits_.max_steps, "adaptive Runge-Kutta: ", limits_.max_steps,
              " steps were attempted, but t = ", behind, " is short of ", bound_,
              "; increase max_steps");
      clamp_steps();
      try_steps();
      decide(listener);
      const double now = furthest_behind();
      if (now != behind &&
          notify_listener(listener, TimeStep{behind, now}, statistics_.nfe, x_) == StepAction::stop)
        break;
      behind = now;
    }
    return statistics_;
  }

 private:
  static constexpr std::size_t stages = T::tableau.stages;
  static constexpr StepSizeController controller{.error_order = T::error_order};
  using Form = LinearForm<stages + 1>;
  static_assert(Workspace<X, N>::rows >= stages + 10);

  X& moved() { return work_[stages]; }
  X& error_buffer() { return work_[stages + 1]; }
  std::span<double> coefficients(std::size_t slot) { return work_.row(slot); }
  std::span<double> time() { return work_.row(stages + 1); }
  std::span<double> time_next() { return work_.row(stages + 2); }
  std::span<double> stage_times() { return work_.row(stages + 3); }
  std::span<double> step_size() { return work_.row(stages + 4); }
  std::span<double> error() { return work_.row(stages + 5); }
  std::span<double> rejected() { return work_.row(stages + 6); }
  std::span<double> state_norm() { return work_.row(stages + 7); }
  std::span<double> slope_norm() { return work_.row(stages + 8); }

  /// out[k] ← form(k) over the first `count` slots of {x[k], F₁[k], …}.
  template <class FormOf>
  void assign_forms(X& out, std::size_t count, FormOf form_of) {
    for (std::size_t k = 0; k < samples_; ++k) {
      const Form form = form_of(k);
      for (std::size_t j = 0; j < count; ++j) coefficients(j)[k] = form.coefficient[j];
    }
    std::array<SampleTerm<X>, stages + 1> terms{SampleTerm<X>{coefficients(0), &x_}};
    for (std::size_t j = 1; j < count; ++j) terms[j] = {coefficients(j), &work_[j - 1]};
    backend(out).assign(out, std::span<const SampleTerm<X>>(terms.data(), count), SampleNoise{});
  }

  void evaluate(const X& at, std::size_t i) {
    field_.evaluate(at, std::span<const double>(stage_times()), work_[i]);
    ++statistics_.nfe;
  }

  void scaled_norms(const X& y, std::span<double> norms) {
    backend(y).scaled_rms(error_buffer(), x_, y, limits_.atol, limits_.rtol, norms);
  }

  void first_steps(double interval) {
    std::copy(time().begin(), time().end(), stage_times().begin());
    evaluate(x_, 0);
    const auto slope = [&](std::size_t k) {
      const FieldForm form = field_.form(time()[k]);
      return form.state * Form::slot(0) + form.output * Form::slot(1);
    };
    assign_forms(error_buffer(), 1, [](std::size_t) { return Form::slot(0); });
    scaled_norms(x_, state_norm());
    assign_forms(error_buffer(), 2, slope);
    scaled_norms(x_, slope_norm());
    for (std::size_t k = 0; k < samples_; ++k) {
      require_finite(state_norm()[k], "the state", time()[k]);
      require_finite(slope_norm()[k], "the model's output", time()[k]);
      step_size()[k] = StepSizeController::trial_step(state_norm()[k], slope_norm()[k], interval);
      stage_times()[k] = time()[k] + direction_ * step_size()[k];
    }
    const auto after = [&](std::size_t k) {
      return Form::slot(0) + (direction_ * step_size()[k]) * slope(k);
    };
    assign_forms(moved(), 2, after);
    evaluate(moved(), 1);
    assign_forms(error_buffer(), 3, [&](std::size_t k) {
      const FieldForm form = field_.form(stage_times()[k]);
      return form.state * after(k) + form.output * Form::slot(2) + -1.0 * slope(k);
    });
    scaled_norms(x_, error());
    for (std::size_t k = 0; k < samples_; ++k)
      step_size()[k] = controller.first_step(step_size()[k], slope_norm()[k],
                                             error()[k] / step_size()[k], interval);
  }

  void clamp_steps() {
    for (std::size_t k = 0; k < samples_; ++k) {
      const double t = time()[k];
      if (t == bound_) {
        time_next()[k] = t;
        continue;
      }
      if (rejected()[k] == 0)
        step_size()[k] = std::max(step_size()[k], smallest_step(t, direction_));
      require_step(step_size()[k], t, direction_, error()[k]);
      time_next()[k] = clamped_end(t, step_size()[k], direction_, bound_);
      step_size()[k] = std::abs(time_next()[k] - t);
    }
  }

  /// The forms of sample k with slopes of the stages before stage i.
  StageForms<T> forms(std::size_t k, std::size_t i) {
    const TimeStep step{time()[k], time_next()[k]};
    StageForms<T> forms(step.t_next - step.t);
    for (std::size_t j = 0; j < i; ++j) forms.set_slope(j, field_.form(stage_time<T>(step, j)));
    return forms;
  }

  void try_steps() {
    for (std::size_t i = 1; i < stages; ++i) {
      assign_forms(moved(), i + 1, [&](std::size_t k) { return forms(k, i).stage(i); });
      for (std::size_t k = 0; k < samples_; ++k)
        stage_times()[k] = stage_time<T>({time()[k], time_next()[k]}, i);
      evaluate(moved(), i);
    }
    assign_forms(error_buffer(), stages + 1,
                 [&](std::size_t k) { return forms(k, stages).error(); });
    scaled_norms(moved(), error());
  }

  /// Samples with error < 1 take the step; their last output becomes the first of the next step.
  template <class L>
  void decide(L& listener) {
    const std::span<double> stay = coefficients(0), move = coefficients(1);
    for (std::size_t k = 0; k < samples_; ++k) {
      move[k] = time()[k] != bound_ && error()[k] < 1 ? 1 : 0;
      stay[k] = 1 - move[k];
    }
    assign(x_, {{stay, x_}, {move, moved()}});
    assign(work_[0], {{stay, work_[0]}, {move, work_[stages - 1]}});
    notify_attempt(listener, StepAttempts{time(), time_next(), error(), move}, x_);
    for (std::size_t k = 0; k < samples_; ++k) {
      if (time()[k] == bound_) continue;
      const bool moves = move[k] != 0;
      step_size()[k] *= moves ? controller.accepted(error()[k], rejected()[k] != 0)
                              : controller.rejected(error()[k]);
      if (moves) time()[k] = time_next()[k];
      rejected()[k] = moves ? 0 : 1;
      ++(moves ? statistics_.accepted : statistics_.rejected);
    }
  }

  double furthest_behind() {
    double behind = bound_;
    for (const double t : time())
      if (direction_ * (t - behind) < 0) behind = t;
    return behind;
  }

  StepLimits limits_;
  F& field_;
  X& x_;
  Workspace<X, N>& work_;
  std::size_t samples_;
  double bound_ = 0;
  double direction_ = 1;
  OdeStatistics statistics_{};
};

}  // namespace scoresde::detail
