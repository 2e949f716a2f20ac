// SPDX-License-Identifier: MIT
/// assign_where: a linear form on the elements that a mask selects.
///
///   out[k, e] ← a·x[k, e] + c·z[k, e] where mask[k, e] ≠ 0, unchanged elsewhere
///
/// Inpainting needs it. Backends that run functions element by element have it by them; others,
/// such as the CUDA backend, define the member assign_where.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

#include <scoresde/fma.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/state/backend.hpp>
#include <scoresde/state/elementwise.hpp>

namespace scoresde {

/// assign_where(out, mask, terms, noise): out ← Σ cᵢ·xᵢ + c·z where mask is not 0, for up to two
/// terms, with the roundings of assign. `out` may alias a term.
template <class B>
concept MaskedBackend = Backend<B> &&
    requires(const B& backend, typename B::State& out, const typename B::State& mask,
             std::span<const Term<typename B::State>> terms, NoiseTerm noise) {
  { backend.assign_where(out, mask, terms, noise) } -> std::same_as<void>;
};

/// A state for which assign_where is defined.
template <class X>
concept MaskedState = ElementwiseState<X> ||(State<X>&& requires(const X& x) {
  { backend_of<X>::of(x) } -> MaskedBackend;
});

namespace detail {

struct MaskedElement {
  double a;
  template <class T>
  T operator()(ElementIndex, T out, T mask, T x) const {
    return mask == T(0) ? out : static_cast<T>(a) * x;
  }
};

/// As assign rounds: the noise first.
struct MaskedNoisyElement {
  double a, c;
  template <class T>
  T operator()(ElementIndex, T out, T mask, T x, T z) const {
    return mask == T(0) ? out : scoresde::fma(static_cast<T>(a), x, static_cast<T>(c) * z);
  }
};

}  // namespace detail

/// out ← a·x where mask is not 0, with term = {a, x}. Throws Error for states of other extents, as
/// the backend does.
template <MaskedState X>
void assign_where(X& out, const X& mask, std::type_identity_t<Term<X>> term) {
  if constexpr (ElementwiseState<X>)
    backend(out).transform(out, detail::MaskedElement{term.coefficient}, std::as_const(out), mask,
                           *term.state);
  else
    backend(out).assign_where(out, mask, std::span<const Term<X>>(&term, 1), NoiseTerm{});
}

/// The same with c·z of a draw.
template <MaskedState X>
void assign_where(X& out, const X& mask, std::type_identity_t<Term<X>> term, NoiseTerm noise) {
  if constexpr (ElementwiseState<X>)
    backend(out).transform(out, detail::MaskedNoisyElement{term.coefficient, noise.coefficient},
                           std::as_const(out), mask, *term.state, noise.draw);
  else
    backend(out).assign_where(out, mask, std::span<const Term<X>>(&term, 1), noise);
}

/// The same with z a state.
template <MaskedState X>
void assign_where(X& out, const X& mask, std::type_identity_t<Term<X>> term,
                  std::type_identity_t<Term<X>> noise) {
  if constexpr (ElementwiseState<X>) {
    backend(out).transform(out, detail::MaskedNoisyElement{term.coefficient, noise.coefficient},
                           std::as_const(out), mask, *term.state, *noise.state);
  } else {
    const std::array<Term<X>, 2> terms{noise, term};
    backend(out).assign_where(out, mask, std::span<const Term<X>>(terms), NoiseTerm{});
  }
}

}  // namespace scoresde
