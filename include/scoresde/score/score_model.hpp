// SPDX-License-Identifier: MIT
/// ScoreModel: a raw output F and how it makes the score.
///
///   ∇ₓ log p_t(x) ≈ state(t)·x + output(t)·F(x, t)
///
/// The form folds into the coefficients of a step, so a parameterisation costs no pass over memory
/// (score/parameterization.hpp names the usual ones).
#pragma once

#include <concepts>
#include <span>

#include <scoresde/state/backend.hpp>

namespace scoresde {

/// The two coefficients of the score in (x, F).
struct ScoreForm {
  double state = 0;
  double output = 1;
};

/// evaluate writes F(x, t) into `output`, a state of the extents of x, and leaves x alone; it may
/// allocate in its first call for a batch size, not afterwards.
template <class M, class X>
concept ScoreModel = State<X> && requires(M& model, const X& x, double t, X& output) {
  { model.evaluate(x, t, output) } -> std::same_as<void>;
  { model.score_form(t) } -> std::same_as<ScoreForm>;
};

/// A model that takes a time per sample: for training and per-sample adaptive steps.
template <class M, class X>
concept PerSampleScoreModel = ScoreModel<M, X> &&
    requires(M& model, const X& x, std::span<const double> times, X& output) {
  { model.evaluate(x, times, output) } -> std::same_as<void>;
};

/// vjp ← vᵀ ∂F/∂x at (x, t): what likelihoods and guidance by gradients need.
template <class M, class X>
concept DifferentiableScoreModel = ScoreModel<M, X> &&
    requires(M& model, const X& x, double t, const X& v, X& vjp) {
  { model.vjp(x, t, v, vjp) } -> std::same_as<void>;
};

}  // namespace scoresde
