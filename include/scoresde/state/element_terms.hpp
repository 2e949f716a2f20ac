// SPDX-License-Identifier: MIT
/// assign_by_element: a linear form with a coefficient per element.
///
///   out[k, e] ← Σⱼ cⱼ[e]·xⱼ[k, e]
///
/// Diagonal operators need it, such as those of inverse problems in the coordinates of a singular
/// value decomposition. Backends that run functions element by element have it by them; others,
/// such as the CUDA backend, define the member assign_by_element.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <span>
#include <type_traits>
#include <utility>

#include <scoresde/error.hpp>
#include <scoresde/state/backend.hpp>
#include <scoresde/state/elementwise.hpp>

namespace scoresde {

/// cⱼ[e]·xⱼ[·, e], the same coefficients for every sample.
template <class X>
struct ElementTerm {
  std::span<const double> coefficients{};
  const X* state = nullptr;

  constexpr ElementTerm() = default;
  constexpr ElementTerm(std::span<const double> c, const X& x) : coefficients(c), state(&x) {}
  ElementTerm(std::span<const double>, const X&&) = delete;
};

/// The maximum number of terms in one form.
inline constexpr std::size_t max_element_terms = 4;

/// assign_by_element(out, terms): sums in double, in the order of the terms, rounded once to the
/// scalar type. `out` may alias a term.
template <class B>
concept ElementTermBackend = Backend<B> &&
    requires(const B& backend, typename B::State& out,
             std::span<const ElementTerm<typename B::State>> terms) {
  { backend.assign_by_element(out, terms) } -> std::same_as<void>;
};

/// A state for which assign_by_element is defined.
template <class X>
concept ElementTermState = ElementwiseState<X> ||(State<X>&& requires(const X& x) {
  { backend_of<X>::of(x) } -> ElementTermBackend;
});

/// Throws Error unless there are 1 to max_element_terms terms of one coefficient per element.
template <State X>
void require_element_terms(const X& out, std::span<const ElementTerm<X>> terms) {
  require(!terms.empty() && terms.size() <= max_element_terms, "assign by element: ", terms.size(),
          " terms given; 1 to ", max_element_terms, " are allowed");
  for (const auto& term : terms)
    require(term.coefficients.size() == extents(out).dim,
            "assign by element: ", term.coefficients.size(), " coefficients given for dimension ",
            extents(out).dim, "; there must be one per element");
}

namespace detail {

/// Σⱼ cⱼ[e]·xⱼ of one element.
struct ElementSum {
  std::array<const double*, max_element_terms> c;
  template <class T, class... Ts>
  T operator()(ElementIndex at, T first, Ts... others) const {
    double sum = c[0][at.element] * static_cast<double>(first);
    [[maybe_unused]] std::size_t j = 0;
    ((sum += c[++j][at.element] * static_cast<double>(others)), ...);
    return static_cast<T>(sum);
  }
};

}  // namespace detail

/// out ← Σⱼ cⱼ∘xⱼ. Throws Error unless there are 1 to max_element_terms terms of one coefficient
/// per element, and for states of different extents.
template <ElementTermState X>
void assign_by_element(X& out, std::type_identity_t<std::initializer_list<ElementTerm<X>>> list) {
  const std::span<const ElementTerm<X>> terms(list.begin(), list.size());
  require_element_terms(out, terms);
  if constexpr (ElementwiseState<X>) {
    detail::ElementSum sum{};
    for (std::size_t j = 0; j < terms.size(); ++j) sum.c[j] = terms[j].coefficients.data();
    const auto x = [&](std::size_t j) -> const X& { return *terms[j].state; };
    if (terms.size() == 1) return backend(out).transform(out, sum, x(0));
    if (terms.size() == 2) return backend(out).transform(out, sum, x(0), x(1));
    if (terms.size() == 3) return backend(out).transform(out, sum, x(0), x(1), x(2));
    backend(out).transform(out, sum, x(0), x(1), x(2), x(3));
  } else {
    backend(out).assign_by_element(out, terms);
  }
}

}  // namespace scoresde
