// SPDX-License-Identifier: MIT
/// ScoreModel: a model output F and the form of the score in it.
///
///   ∇ₓ log p_t(x) ≈ state(t)·x + output(t)·F(x, t)
///
/// The form is folded into the coefficients of a step, so a parameterization costs no pass over
/// memory (score/parameterization.hpp has the usual ones).
#pragma once

#include <concepts>
#include <span>

#include <scoresde/state/backend.hpp>
#include <scoresde/state/output_parameter.hpp>

namespace scoresde {

/// The two coefficients of the score in (x, F).
struct ScoreForm {
  double state = 0;
  double output = 1;
};

/// evaluate writes F(x, t) to `output`, taken by reference in every overload and of the same
/// extents as x, and does not modify x; it may allocate only in its first call for a given batch
/// size.
template <class M, class X>
concept ScoreModel = State<X> && requires(M& model, const X& x, double t, X& output) {
  { model.evaluate(x, t, output) } -> std::same_as<void>;
  { model.score_form(t) } -> std::same_as<ScoreForm>;
} && !evaluates_a_copy<M, X>();

/// A model that takes a time per sample, for training and per-sample adaptive steps.
template <class M, class X>
concept PerSampleScoreModel = ScoreModel<M, X> &&
    requires(M& model, const X& x, std::span<const double> times, X& output) {
  { model.evaluate(x, times, output) } -> std::same_as<void>;
};

/// vjp ← vᵀ ∂F/∂x at (x, t), for likelihoods and guidance by gradients.
template <class M, class X>
concept DifferentiableScoreModel = ScoreModel<M, X> &&
    requires(M& model, const X& x, double t, const X& v, X& vjp) {
  { model.vjp(x, t, v, vjp) } -> std::same_as<void>;
} && !vjp_writes_a_copy<M, X>();

/// A differentiable model that takes a time per sample.
template <class M, class X>
concept PerSampleDifferentiableScoreModel = DifferentiableScoreModel<M, X> &&
    PerSampleScoreModel<M, X> &&
    requires(M& model, const X& x, std::span<const double> times, const X& v, X& vjp) {
  { model.vjp(x, times, v, vjp) } -> std::same_as<void>;
};

/// output ← F(x, t) and product ← vᵀ ∂F/∂x, t a double or std::span<const double>. A model that
/// shares work between the two has evaluate_with_vjp as a member, as nn::ScoreNetwork does, with
/// one forward and one backward pass; any other model is evaluated and then differentiated.
template <class M, State X, class T>
void evaluate_with_vjp(M& model, const X& x, T t, const X& v, X& output, X& product) {
  if constexpr (requires { model.evaluate_with_vjp(x, t, v, output, product); }) {
    model.evaluate_with_vjp(x, t, v, output, product);
  } else {
    model.evaluate(x, t, output);
    model.vjp(x, t, v, product);
  }
}

}  // namespace scoresde
