// SPDX-License-Identifier: MIT
/// A runtime list of terms becomes a compile-time one, so that a whole linear form is one
/// expression of the backend's library.
///
/// Terms whose coefficient is 0 are dropped first: they are never read.
#pragma once

#include <array>
#include <cstddef>
#include <type_traits>
#include <utility>

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

/// Σⱼ coefficient[j]·read(data[j]) over the first N ≥ 1 terms, as one expression.
template <std::size_t N, class C, class T, class Fn>
[[nodiscard]] auto weighted_sum(const ActiveTerms<C, T>& terms, const Fn& read) {
  static_assert(N >= 1);
  return [&]<std::size_t... J>(std::index_sequence<J...>) {
    return ((terms.coefficient[J] * read(terms.data[J])) + ...);
  }
  (std::make_index_sequence<N>{});
}

}  // namespace scoresde::detail
