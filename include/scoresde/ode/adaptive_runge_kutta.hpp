// SPDX-License-Identifier: MIT
/// Embedded Runge-Kutta pairs with adaptive steps, for the whole batch or sample by sample.
///
///   y = x + h Σ bᵢ kᵢ,   error = h Σ (bᵢ − b̂ᵢ) kᵢ
///
/// Hairer, Nørsett & Wanner, Solving Ordinary Differential Equations I, section II.4; constants in
/// ode/step_size_controller.hpp. The last slope is the first of the next step.
#pragma once

#include <cmath>
#include <cstddef>
#include <type_traits>

#include <scoresde/ode/ode_integrator.hpp>
#include <scoresde/ode/per_sample_solve.hpp>
#include <scoresde/ode/step_size_controller.hpp>
#include <scoresde/ode/tableaux.hpp>
#include <scoresde/ode/whole_batch_solve.hpp>

namespace scoresde {

template <RungeKuttaMethod T = DormandPrince54>
struct AdaptiveRungeKutta {
  static_assert(T::error_order > 0 && T::tableau.first_same_as_last(),
                "AdaptiveRungeKutta: the method has no embedded error estimate, or its last stage "
                "is not the first of the next step; DormandPrince54 has both");

  double rtol = 1e-5;
  double atol = 1e-5;
  StepControl control = StepControl::whole_batch_scipy;
  /// Steps tried, accepted or not, before the solve gives up with an Error.
  std::size_t max_steps = 10000;

  static constexpr int order = T::order;
  static constexpr bool adaptive = true;
  /// One output per stage, the new state and its error.
  static constexpr std::size_t buffers = T::tableau.stages + 2;

  /// Throws Error for tolerances that are negative, not finite or both zero, and max_steps = 0.
  void validate() const {
    detail::require(
        std::isfinite(rtol) && std::isfinite(atol) && rtol >= 0 && atol >= 0 && rtol + atol > 0,
        "adaptive runge-kutta: rtol is ", rtol, " and atol ", atol,
        "; both must be non-negative and one positive");
    detail::require(max_steps >= 1, "adaptive runge-kutta: max_steps is 0; it must be positive");
  }

  /// Throws Error for a grid of more than one step, a state or field that is not finite where the
  /// solve begins, a step that becomes too small, more than max_steps tries, and per-sample control
  /// of a field that takes one time only. A trial that is not finite is rejected and shortened.
  /// Under per-sample control the listener hears one TimeStep per sweep over the batch: that of the
  /// sample furthest behind.
  template <class F, State X, class L>
  OdeStatistics solve(F&& field, X& x, const TimeGrid& grid, Workspace<X, buffers>& work,
                      L&& listener) const {
    detail::require(grid.size() == 1, "adaptive runge-kutta: the grid has ", grid.size(),
                    " steps; give one, from the first time to the last");
    using Field = std::remove_reference_t<F>;
    const StepLimits limits{rtol, atol, max_steps};
    if (control == StepControl::whole_batch_scipy)
      return detail::WholeBatchSolve<T, Field, X, buffers>(limits, field, x, work)
          .run(grid.front(), listener);
    if constexpr (PerSampleLinearField<Field, X>)
      return detail::PerSampleSolve<T, Field, X, buffers>(limits, field, x, work)
          .run(grid.front(), listener);
    else
      throw Error(
          "adaptive runge-kutta: per-sample control needs a model that takes a time per sample, "
          "evaluate(x, span<const double> times, output)");
  }
};

}  // namespace scoresde
