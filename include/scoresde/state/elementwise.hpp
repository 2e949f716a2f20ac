// SPDX-License-Identifier: MIT
/// Refinements of Backend for operations that are not linear forms.
///
///   out[k, e] ← f({k, e}, x₁[k, e], …, xₙ[k, e]),   each xⱼ a state or a named N(0, I) draw
///   q_k       ← the q-quantile of |x[k, ·]|
///
/// Clipping, thresholding and SDEs with state-dependent drift need them; samplers do not. A backend
/// that cannot run a user's function on its device leaves them out, and code that needs them then
/// does not compile (docs/concepts.md).
#pragma once

#include <concepts>
#include <cstddef>
#include <span>

#include <scoresde/state/backend.hpp>

namespace scoresde {

/// The index of the element for which a function is called, in the batch.
struct ElementIndex {
  std::size_t sample = 0;
  std::size_t element = 0;
};

namespace detail {

/// Stands for any function of two inputs in the concept below; never called.
struct AnyElementFunction {
  double operator()(ElementIndex, double, double) const { return 0; }
};

}  // namespace detail

/// transform(out, f, inputs…): one pass, no allocation. `out` may alias any input, and a draw among
/// the inputs has the same values as in assign. f must be small and trivially copyable. It receives
/// values in the state's scalar type and its result is rounded to that type, so a function of
/// doubles computes in double and a generic one in the state's type. The order of calls is
/// unspecified.
template <class B>
concept ElementwiseBackend = Backend<B> &&
    requires(const B& backend, const typename B::State& x, typename B::State& out, NoiseDraw z,
             detail::AnyElementFunction f) {
  { backend.transform(out, f, x, x) } -> std::same_as<void>;
  { backend.transform(out, f, x, z) } -> std::same_as<void>;
};

/// per_sample[k] ← the q-quantile of |x[k]|, 0 ≤ q ≤ 1, interpolated linearly between the order
/// statistics ⌊r⌋ and ⌊r⌋ + 1 at r = q·(dim − 1); NaN where the sample holds a NaN. No allocation.
template <class B>
concept QuantileBackend = Backend<B> &&
    requires(const B& backend, const typename B::State& x, double q, std::span<double> per_sample) {
  { backend.absolute_quantile(x, q, per_sample) } -> std::same_as<void>;
};

/// A state whose backend runs a function element by element.
template <class X>
concept ElementwiseState = State<X> && requires(const X& x) {
  { backend_of<X>::of(x) } -> ElementwiseBackend;
};

/// A state whose backend computes quantiles.
template <class X>
concept QuantileState = State<X> && requires(const X& x) {
  { backend_of<X>::of(x) } -> QuantileBackend;
};

}  // namespace scoresde
