// SPDX-License-Identifier: MIT
/// Turns a runtime number of terms into a compile-time one, so that a linear form is one loop.
///
/// Terms with coefficient 0 are dropped first and never read.
#pragma once

#include <array>
#include <cstddef>
#include <type_traits>

#include <scoresde/state/backend.hpp>

namespace scoresde::detail {

/// The terms with nonzero coefficients: coefficients rounded once to C, and pointers to elements.
template <class C, class T>
struct ActiveTerms {
  std::array<C, max_terms> coefficient{};
  std::array<const T*, max_terms> data{};
  std::size_t count = 0;

  void add(double c, const T* elements) {
    if (c == 0) return;
    coefficient[count] = static_cast<C>(c);
    data[count] = elements;
    ++count;
  }
};

/// Calls fn(std::integral_constant<std::size_t, count>{}) for count ≤ max_terms.
template <std::size_t N = 0, class Fn>
void with_arity(std::size_t count, const Fn& fn) {
  if (count == N) {
    fn(std::integral_constant<std::size_t, N>{});
  } else if constexpr (N < max_terms) {
    with_arity<N + 1>(count, fn);
  }
}

}  // namespace scoresde::detail
