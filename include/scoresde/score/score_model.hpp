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
#include <type_traits>
#include <utility>

#include <scoresde/state/backend.hpp>

namespace scoresde {

/// The two coefficients of the score in (x, F).
struct ScoreForm {
  double state = 0;
  double output = 1;
};

namespace detail {

template <class T>
struct Parameter {
  using type = T;
};
/// The type of the third parameter, of functions with one signature.
template <class R, class A, class B, class C>
Parameter<C> third_parameter(R (*)(A, B, C));
template <class R, class T, class A, class B, class C>
Parameter<C> third_parameter(R (T::*)(A, B, C));
template <class R, class T, class A, class B, class C>
Parameter<C> third_parameter(R (T::*)(A, B, C) const);

/// True for a parameter that does not bring what is written to it back to the caller.
template <class P, class X>
inline constexpr bool loses_output =
    std::is_same_v<std::remove_cv_t<P>, X> || std::is_same_v<P, const X&>;

/// True for functions that take their output by value. Where there are several signatures or a
/// template, those are taken for such that accept an output without a name.
template <class F, class X>
consteval bool copies_output() {
  if constexpr (requires(F f) { third_parameter(+f); })
    return loses_output<typename decltype(third_parameter(+std::declval<F>()))::type, X>;
  else if constexpr (requires { third_parameter(&F::operator()); })
    return loses_output<typename decltype(third_parameter(&F::operator()))::type, X>;
  else
    return std::invocable<F&, const X&, double, X>;
}

/// The same of a model's evaluate.
template <class M, class X>
consteval bool evaluates_a_copy() {
  if constexpr (requires { third_parameter(&M::evaluate); })
    return loses_output<typename decltype(third_parameter(&M::evaluate))::type, X>;
  else
    return requires(M & model, const X& x, double t) { model.evaluate(x, t, std::declval<X>()); };
}

}  // namespace detail

/// evaluate writes F(x, t) into `output`, a state of the extents of x that it takes by reference,
/// and leaves x alone; it may allocate in its first call for a batch size, not afterwards.
template <class M, class X>
concept ScoreModel = State<X> && requires(M& model, const X& x, double t, X& output) {
  { model.evaluate(x, t, output) } -> std::same_as<void>;
  { model.score_form(t) } -> std::same_as<ScoreForm>;
} && !detail::evaluates_a_copy<M, X>();

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
