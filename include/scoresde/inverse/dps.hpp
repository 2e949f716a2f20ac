// SPDX-License-Identifier: MIT
/// DPS and MCG: a gradient step on the residual of the predicted image after each update.
///
///   DPS   x ← x' − scale·∇ₓₜ ‖y − A x̂₀(x_t)‖₂,   x' the sampler's update of x_t
///   MCG   the same, then x ← (I − A⁺A) x + A⁺(mean y + std A z)
///
/// Chung et al. 2023 (arXiv:2209.14687), algorithm 1, and Chung et al. 2022 (arXiv:2206.00941),
/// eq. 14. The step of the DPS paper is ζ'/‖r‖·∇‖r‖² = 2ζ'·∇‖r‖, so scale = 2ζ'. Both are meant for
/// ancestral sampling of all levels of a chain, and both are biased (docs/editing.md).
#pragma once

#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include <scoresde/inverse/colorization.hpp>
#include <scoresde/inverse/detail/predicted_residual.hpp>
#include <scoresde/inverse/linear_operator.hpp>
#include <scoresde/sde/sde.hpp>
#include <scoresde/state/scratch_state.hpp>
#include <scoresde/time/time_grid.hpp>

namespace scoresde {

/// A Constraint. It costs an evaluation of the model and a vjp per step, and acts on steps towards
/// the data only, not after correctors. The norm is that of each sample. Refers to the problem's
/// operator and measurement. Not thread-safe, as it has scratch memory.
template <Sde S, class A, State X>
class Dps {
 public:
  static constexpr bool needs_before = true, needs_noise = false;

  /// Throws Error for a scale that is negative or not finite.
  Dps(S sde, const LinearProblem<A, X>& problem, double scale)
      : residual_(std::move(sde), problem), scale_(scale) {
    require(scale >= 0 && std::isfinite(scale), "DPS: scale is ", scale,
            "; it must be nonnegative and finite");
  }

  /// Throws Error for x of other samples or dimension than the problem.
  template <class M, class Z>
  requires DifferentiableScoreModel<M, X>
  void after_update(const X& before, X& x, TimeStep step, M& model, const Z&) {
    if (step.t_next >= step.t) return;
    X& output = output_.like(x);
    model.evaluate(before, step.t, output);
    const X& r = residual_.residual("DPS", model, before, step.t, output);
    norms_.resize(extents(x).samples);
    ones_.assign(norms_.size(), 1);
    backend(r).inner(r, r, norms_);
    for (double& value : norms_) value = value > 0 ? scale_ / std::sqrt(value) : 0;
    X& v = vector_.like(x);
    residual_.problem().op().adjoint(r, v);
    residual_.pull_back(model, before, step.t, v, output);  // −‖r‖·∇‖r‖
    assign(x, {{ones_, x}, {norms_, output}});
  }

 private:
  detail::PredictedResidual<S, A, X> residual_;
  double scale_;
  std::vector<double> norms_, ones_;
  ScratchState output_, vector_;
};

/// A Constraint: DPS, then the projection of KnownMeasurement, which also acts after correctors and
/// makes A x = y at the end. Refers to the problem's operator and measurement.
template <Sde S, class A, State X>
class Mcg {
 public:
  static constexpr bool needs_before = true, needs_noise = true;

  /// Throws Error for a scale that is negative or not finite, a measurement with noise, and a
  /// singular operator.
  Mcg(S sde, const LinearProblem<A, X>& problem, double scale,
      KnownLevel level = KnownLevel::step_end)
      : gradient_(sde, problem, scale),
        known_(std::move(sde), problem.op(), problem.measurement(), level) {
    require(problem.noise_std() == 0, "MCG: noise_std is ", problem.noise_std(),
            "; it must be 0, as the measurement is reproduced exactly");
  }

  template <class Z>
  void after_start(X& x, double t, const Z& z) {
    known_.after_start(x, t, z);
  }
  template <class M, class Z>
  requires DifferentiableScoreModel<M, X>
  void after_update(const X& before, X& x, TimeStep step, M& model, const Z& z) {
    gradient_.after_update(before, x, step, model, z);
    known_.after_update(before, x, step, model, z);
  }
  void after_end(X& x) { known_.after_end(x); }

 private:
  Dps<S, A, X> gradient_;
  KnownMeasurement<S, A, X> known_;
};

}  // namespace scoresde
