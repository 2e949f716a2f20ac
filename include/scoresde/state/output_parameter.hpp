// SPDX-License-Identifier: MIT
/// Whether a callable takes its last argument, the state that it is to write, by value: what it
/// writes is then lost.
///
/// Functions with a single signature are classified by it. Overloads and templates are classified
/// by whether they accept an rvalue there, so true for an auto&& parameter, which cannot be
/// distinguished from a copy.
#pragma once

#include <concepts>
#include <span>
#include <type_traits>
#include <utility>

namespace scoresde {
namespace detail {

template <class... P>
struct LastParameter {
  using type = typename decltype((std::type_identity<P>{}, ...))::type;
};
/// The last parameter of functions with a single signature.
template <class R, class... P>
LastParameter<P...> last_parameter(R (*)(P...));
template <class R, class T, class... P>
LastParameter<P...> last_parameter(R (T::*)(P...));
template <class R, class T, class... P>
LastParameter<P...> last_parameter(R (T::*)(P...) const);

/// True for a parameter type through which a function cannot modify the caller's state.
template <class P, class X>
inline constexpr bool loses_output =
    std::is_same_v<std::remove_cv_t<P>, X> || std::is_same_v<P, const X&>;

template <class Signature, class X>
inline constexpr bool signature_loses_output = loses_output<typename Signature::type, X>;

}  // namespace detail

/// Of f(args…, output).
template <class F, class X, class... Args>
consteval bool copies_output() {
  if constexpr (requires(F f) { detail::last_parameter(+f); })
    return detail::signature_loses_output<decltype(detail::last_parameter(+std::declval<F>())), X>;
  else if constexpr (requires { detail::last_parameter(&F::operator()); })
    return detail::signature_loses_output<decltype(detail::last_parameter(&F::operator())), X>;
  else
    return std::invocable<F&, Args..., X>;
}

/// Of m.evaluate(x, t, output) or of m.evaluate(x, times, output): one is enough.
template <class M, class X>
consteval bool evaluates_a_copy() {
  if constexpr (requires { detail::last_parameter(&M::evaluate); })
    return detail::signature_loses_output<decltype(detail::last_parameter(&M::evaluate)), X>;
  else
    return requires(M & model, const X& x, double t) { model.evaluate(x, t, std::declval<X>()); }
  || requires(M & model, const X& x, std::span<const double> times) {
    model.evaluate(x, times, std::declval<X>());
  };
}

/// Of m.vjp(x, t, v, output).
template <class M, class X>
consteval bool vjp_writes_a_copy() {
  if constexpr (requires { detail::last_parameter(&M::vjp); })
    return detail::signature_loses_output<decltype(detail::last_parameter(&M::vjp)), X>;
  else
    return requires(M & model, const X& x, double t) { model.vjp(x, t, x, std::declval<X>()); };
}

}  // namespace scoresde
