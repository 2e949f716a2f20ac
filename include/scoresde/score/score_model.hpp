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
/// The type of the third parameter of functions with a single signature.
template <class R, class A, class B, class C>
Parameter<C> third_parameter(R (*)(A, B, C));
template <class R, class T, class A, class B, class C>
Parameter<C> third_parameter(R (T::*)(A, B, C));
template <class R, class T, class A, class B, class C>
Parameter<C> third_parameter(R (T::*)(A, B, C) const);

/// True for a parameter type through which a function cannot modify the caller's state.
template <class P, class X>
inline constexpr bool loses_output =
    std::is_same_v<std::remove_cv_t<P>, X> || std::is_same_v<P, const X&>;

/// True for functions that take their output by value. Overloads and templates are classified by
/// whether they accept an rvalue output, so true for an auto&& parameter, which cannot be
/// distinguished from a copy.
template <class F, class X>
consteval bool copies_output() {
  if constexpr (requires(F f) { third_parameter(+f); })
    return loses_output<typename decltype(third_parameter(+std::declval<F>()))::type, X>;
  else if constexpr (requires { third_parameter(&F::operator()); })
    return loses_output<typename decltype(third_parameter(&F::operator()))::type, X>;
  else
    return std::invocable<F&, const X&, double, X>;
}

/// The same for a model's evaluate.
template <class M, class X>
consteval bool evaluates_a_copy() {
  if constexpr (requires { third_parameter(&M::evaluate); })
    return loses_output<typename decltype(third_parameter(&M::evaluate))::type, X>;
  else
    return requires(M & model, const X& x, double t) { model.evaluate(x, t, std::declval<X>()); };
}

}  // namespace detail

/// evaluate writes F(x, t) to `output`, taken by reference and of the same extents as x, and does
/// not modify x; it may allocate only in its first call for a given batch size.
template <class M, class X>
concept ScoreModel = State<X> && requires(M& model, const X& x, double t, X& output) {
  { model.evaluate(x, t, output) } -> std::same_as<void>;
  { model.score_form(t) } -> std::same_as<ScoreForm>;
} && !detail::evaluates_a_copy<M, X>();

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
};

}  // namespace scoresde
