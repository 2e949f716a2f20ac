// SPDX-License-Identifier: MIT
/// A runtime list of terms becomes a compile-time one, so that a whole linear form is one loop.
///
/// Terms whose coefficient is 0 are dropped first: they are never read.
#pragma once

#include <array>
#include <cstddef>
#include <type_traits>

#include <scoresde/state/backend.hpp>

namespace scoresde::detail {

/// The terms that count: coefficients rounded once to C, and where the elements lie.
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

/// Calls fn(std::integral_constant<std::size_t, count>{}) for a count up to max_terms.
template <std::size_t N = 0, class Fn>
void with_arity(std::size_t count, const Fn& fn) {
  if (count == N) {
    fn(std::integral_constant<std::size_t, N>{});
  } else if constexpr (N < max_terms) {
    with_arity<N + 1>(count, fn);
  }
}

}  // namespace scoresde::detail
