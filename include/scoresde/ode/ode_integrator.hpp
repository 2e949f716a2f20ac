// SPDX-License-Identifier: MIT
/// OdeIntegrator: integrates a field that is linear in x and in one network output.
///
///   dx/dt = state(t)·x + output(t)·F(x, t)
///
/// The probability flow of every linear SDE is such a field (Song et al. 2021, arXiv:2011.13456,
/// eq. 13), so slopes are kept as coefficients over {x, F₁, …, F_S} until memory is accessed.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>

#include <scoresde/ode/butcher_tableau.hpp>
#include <scoresde/ode/step_size_controller.hpp>
#include <scoresde/state/linear_form.hpp>
#include <scoresde/state/output_parameter.hpp>
#include <scoresde/state/workspace.hpp>
#include <scoresde/time/time_grid.hpp>

namespace scoresde {

/// The two coefficients of a field.
struct FieldForm {
  double state = 0;
  double output = 1;
};

/// evaluate writes F(x, t) to `output`, taken by reference in every overload; form returns the
/// coefficients at t.
template <class F, class X>
concept LinearField = State<X> && requires(F& field, const X& x, double t, X& output) {
  { field.evaluate(x, t, output) } -> std::same_as<void>;
  { field.form(t) } -> std::same_as<FieldForm>;
} && !evaluates_a_copy<F, X>();

/// A field that takes a time per sample.
template <class F, class X>
concept PerSampleLinearField = LinearField<F, X> &&
    requires(F& field, const X& x, std::span<const double> times, X& output) {
  { field.evaluate(x, times, output) } -> std::same_as<void>;
};

/// Statistics of a solve.
struct OdeStatistics {
  std::size_t nfe = 0;       ///< evaluations of the field's F
  std::size_t accepted = 0;  ///< summed over samples if each has its own steps
  std::size_t rejected = 0;  ///< attempted steps that were not accepted
};

/// A listener that does nothing.
struct NoListener {
  template <class X>
  void operator()(TimeStep, std::size_t, const X&) const {}
};

/// solve integrates x over the grid, in either direction and without allocating, and calls
/// listener(TimeStep, nfe, x) after every accepted step; if that returns StepAction::stop, solve
/// returns the statistics so far. An adaptive integrator takes a grid of one step and ends exactly
/// at its end; it calls listener.on_attempt(StepAttempts, x), if the listener has it, after every
/// attempt.
template <class I, class F, class X>
concept OdeIntegrator = LinearField<F, X> &&
    requires(const I& integrator, F& field, X& x, const TimeGrid& grid,
             Workspace<X, I::buffers>& work, NoListener listener) {
  { I::order } -> std::convertible_to<int>;
  { I::buffers } -> std::convertible_to<std::size_t>;
  { I::adaptive } -> std::convertible_to<bool>;
  { integrator.solve(field, x, grid, work, listener) } -> std::same_as<OdeStatistics>;
};

/// Calls on_attempt of a listener or an observer that has it.
template <class L, class X>
void notify_attempt(L& listener, const StepAttempts& attempts, const X& x) {
  if constexpr (requires { listener.on_attempt(attempts, x); }) listener.on_attempt(attempts, x);
}

/// The time of stage i, which is exactly t_next if cᵢ = 1.
template <class T>
[[nodiscard]] constexpr double stage_time(TimeStep step, std::size_t i) {
  const double c = T::tableau.c[i];
  return c == 1 ? step.t_next : step.t + c * (step.t_next - step.t);
}

namespace detail {

/// Calls listener(step, nfe, x); a listener that returns void never stops the solve.
template <class L, class X>
StepAction notify_listener(L& listener, TimeStep step, std::size_t nfe, const X& x) {
  if constexpr (std::same_as<decltype(listener(step, nfe, x)), StepAction>) {
    return listener(step, nfe, x);
  } else {
    listener(step, nfe, x);
    return StepAction::proceed;
  }
}

/// The stages of one step as forms over {x, F₁, …, F_S}.
template <class T>
class StageForms {
 public:
  static constexpr std::size_t stages = T::tableau.stages;
  using Form = LinearForm<stages + 1>;

  explicit constexpr StageForms(double h) : h_(h) {}

  /// x + h Σ wⱼ kⱼ over the first `count` stages.
  [[nodiscard]] constexpr Form position(const std::array<double, stages>& w,
                                        std::size_t count) const {
    Form form = Form::slot(0);
    for (std::size_t j = 0; j < count; ++j) form += (h_ * w[j]) * slope_[j];
    return form;
  }
  /// The argument of stage i.
  [[nodiscard]] constexpr Form stage(std::size_t i) const { return position(T::tableau.a[i], i); }
  /// h Σ eⱼ kⱼ: the error estimate of the step.
  [[nodiscard]] constexpr Form error() const {
    Form form = position(T::tableau.error, stages);
    form.coefficient[0] -= 1;
    return form;
  }
  /// Sets kᵢ = form.state·(stage i) + form.output·F_{i+1}.
  constexpr void set_slope(std::size_t i, FieldForm form) {
    slope_[i] = form.state * stage(i) + form.output * Form::slot(i + 1);
  }
  [[nodiscard]] constexpr const Form& slope(std::size_t i) const { return slope_[i]; }

 private:
  double h_;
  std::array<Form, stages> slope_{};
};

}  // namespace detail
}  // namespace scoresde
