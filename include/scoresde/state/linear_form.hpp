// SPDX-License-Identifier: MIT
/// LinearForm: the coefficients of Σᵢ cᵢ·slotᵢ, evaluated only when memory is accessed.
///
/// Slot 0 is x; slot i + 1 holds the network output of stage i. Runge-Kutta slopes, multistep
/// combinations and error estimates are linear forms, so slopes are never stored.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include <scoresde/state/backend.hpp>

namespace scoresde {

/// The coefficients of a linear form over N slots.
template <std::size_t N>
struct LinearForm {
  std::array<double, N> coefficient{};

  /// The form that is slot `i` itself.
  static constexpr LinearForm slot(std::size_t i) {
    LinearForm form;
    form.coefficient[i] = 1;
    return form;
  }

  constexpr LinearForm& operator+=(const LinearForm& other) {
    for (std::size_t i = 0; i < N; ++i) coefficient[i] += other.coefficient[i];
    return *this;
  }
  constexpr LinearForm& operator*=(double factor) {
    for (double& c : coefficient) c *= factor;
    return *this;
  }
  friend constexpr LinearForm operator+(LinearForm a, const LinearForm& b) { return a += b; }
  friend constexpr LinearForm operator*(double factor, LinearForm form) { return form *= factor; }
  constexpr bool operator==(const LinearForm&) const = default;
};

namespace detail {

template <std::size_t N>
concept TermCount = N <= max_terms;

}  // namespace detail

/// out ← the form over `slots` (+ noise), in one pass.
template <std::size_t N, State X>
requires detail::TermCount<N>
void assign(X& out, const LinearForm<N>& form, const std::array<const X*, N>& slots,
            NoiseTerm noise = {}) {
  std::array<Term<X>, N> terms;
  std::size_t used = 0;
  for (std::size_t i = 0; i < N; ++i)
    if (form.coefficient[i] != 0) terms[used++] = {form.coefficient[i], slots[i]};
  backend(out).assign(out, std::span<const Term<X>>(terms.data(), used), noise);
}

}  // namespace scoresde
