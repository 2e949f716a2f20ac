// SPDX-License-Identifier: MIT
/// Embedded Runge-Kutta pairs with adaptive steps, for the whole batch or sample by sample.
///
///   y = x + h Σ bᵢ kᵢ,   error = h Σ (bᵢ − b̂ᵢ) kᵢ
///
/// Hairer, Nørsett & Wanner, Solving Ordinary Differential Equations I, section II.4; constants in
/// ode/step_size_controller.hpp. The last slope of a step is the first of the next one.
#pragma once

#include <cmath>
#include <cstddef>
#include <type_traits>

#include <scoresde/ode/detail/per_sample_solve.hpp>
#include <scoresde/ode/detail/whole_batch_solve.hpp>
#include <scoresde/ode/ode_integrator.hpp>
#include <scoresde/ode/step_size_controller.hpp>
#include <scoresde/ode/tableaux.hpp>
#include <scoresde/scope.hpp>

namespace scoresde {

template <RungeKuttaMethod T = DormandPrince54>
struct AdaptiveRungeKutta {
  static_assert(
      T::error_order > 0 && T::tableau.first_same_as_last(),
      "AdaptiveRungeKutta: the method must have an embedded error estimate and a last stage "
      "that is the first of the next step, as DormandPrince54 has");

  double rtol = 1e-5;
  double atol = 1e-5;
  Scope scope =
      Scope::per_sample;  ///< whose error sets the step; the field takes a time per sample
  /// The maximum number of attempted steps, accepted or not; the solve then throws Error.
  std::size_t max_steps = 10000;

  static constexpr int order = T::order;
  static constexpr bool adaptive = true;
  /// One output per stage, the new state and its error.
  static constexpr std::size_t buffers = T::tableau.stages + 2;

  /// Throws Error for tolerances that are negative, not finite or both zero, and max_steps = 0.
  void validate() const {
    require(std::isfinite(rtol) && std::isfinite(atol) && rtol >= 0 && atol >= 0 && rtol + atol > 0,
            "adaptive Runge-Kutta: rtol is ", rtol, " and atol ", atol,
            "; both must be nonnegative and at least one positive");
    require(max_steps >= 1, "adaptive Runge-Kutta: max_steps is 0; it must be positive");
  }

  /// Throws Error for a grid of more than one step, a state or field that is not finite at the
  /// start, a step that becomes too small, more than max_steps attempts, and Scope::per_sample with
  /// a field without a time per sample. An attempt that is not finite is rejected and repeated with
  /// a shorter step. Under Scope::per_sample the listener receives one TimeStep per sweep over the
  /// batch: that of the least advanced sample.
  template <class F, State X, class L>
  OdeStatistics solve(F&& field, X& x, const TimeGrid& grid, Workspace<X, buffers>& work,
                      L&& listener) const {
    require(grid.size() == 1, "adaptive Runge-Kutta: the grid has ", grid.size(),
            " steps; it must have 1, from the first time to the last");
    using Field = std::remove_reference_t<F>;
    const StepLimits limits{rtol, atol, max_steps};
    if (scope == Scope::batch)
      return detail::WholeBatchSolve<T, Field, X, buffers>(limits, field, x, work)
          .run(grid.front(), listener);
    if constexpr (PerSampleLinearField<Field, X>)
      return detail::PerSampleSolve<T, Field, X, buffers>(limits, field, x, work)
          .run(grid.front(), listener);
    else
      throw Error(
          "adaptive Runge-Kutta: scope is per_sample; it requires a model that takes a time per "
          "sample, evaluate(x, span<const double> times, output); or use Scope::batch");
  }
};

/// scipy's solve_ivp(method="RK45") on the flattened batch, as score_sde's ODE sampler calls it:
/// one step for all samples, so that a sample depends on its batch.
[[nodiscard]] constexpr AdaptiveRungeKutta<DormandPrince54> scipy_rk45(double rtol = 1e-5,
                                                                       double atol = 1e-5) {
  return {.rtol = rtol, .atol = atol, .scope = Scope::batch};
}

}  // namespace scoresde
