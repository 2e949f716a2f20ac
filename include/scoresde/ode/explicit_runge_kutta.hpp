// SPDX-License-Identifier: MIT
/// Explicit Runge-Kutta methods with fixed steps.
///
///   kᵢ = v(x + h Σⱼ aᵢⱼ kⱼ, t + cᵢ h),   x ← x + h Σ bᵢ kᵢ
///
/// The argument of each stage is computed in one pass over memory, and the new x in another; no
/// slope is stored. Hairer, Nørsett & Wanner, Solving Ordinary Differential Equations I, definition
/// II.1.1.
#pragma once

#include <array>
#include <cstddef>

#include <scoresde/ode/ode_integrator.hpp>

namespace scoresde {

template <RungeKuttaMethod T>
struct ExplicitRungeKutta {
  static constexpr int order = T::order;
  static constexpr bool adaptive = false;
  /// Evaluations per step. A last stage that is the first of the next step is evaluated only once.
  static constexpr std::size_t stages = T::tableau.stages_of_solution();
  /// One output per stage, and the argument of the current stage.
  static constexpr std::size_t buffers = stages + 1;

  [[nodiscard]] static constexpr std::size_t nfe(std::size_t steps) { return steps * stages; }

  template <class F, State X, class L>
  OdeStatistics solve(F&& field, X& x, const TimeGrid& grid, Workspace<X, buffers>& work,
                      L&& listener) const {
    OdeStatistics done{};
    for (const TimeStep step : grid) {
      take(field, x, step, work);
      done.nfe += stages;
      ++done.accepted;
      if (detail::notify_listener(listener, step, done.nfe, x) == StepAction::stop) break;
    }
    return done;
  }

 private:
  static constexpr std::size_t slots = T::tableau.stages + 1;

  template <class F, State X>
  static void take(F& field, X& x, TimeStep step, Workspace<X, buffers>& work) {
    X& argument = work[stages];
    std::array<const X*, slots> slot{&x};
    for (std::size_t i = 0; i < stages; ++i) slot[i + 1] = &work[i];
    detail::StageForms<T> forms(step.t_next - step.t);
    for (std::size_t i = 0; i < stages; ++i) {
      const double t = stage_time<T>(step, i);
      if (i > 0) assign(argument, forms.stage(i), slot);
      field.evaluate(i > 0 ? static_cast<const X&>(argument) : x, t, work[i]);
      forms.set_slope(i, field.form(t));
    }
    assign(x, forms.position(T::tableau.b, stages), slot);
  }
};

}  // namespace scoresde
