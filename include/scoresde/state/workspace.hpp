// SPDX-License-Identifier: MIT
/// Workspace: the memory a loop needs in addition to x, allocated once before it.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/state/backend.hpp>

namespace scoresde {

/// N states like x, and rows of one double per sample for norms, step sizes and coefficients.
template <State X, std::size_t N>
class Workspace {
 public:
  static constexpr std::size_t states = N;
  /// Rows of per-sample doubles: a coefficient for each state and for x, and eight more.
  static constexpr std::size_t rows = N + 9;

  explicit Workspace(const X& x)
      : extents_(extents(x)),
        states_(make(x, std::make_index_sequence<N>{})),
        rows_(rows * extents_.samples) {}

  [[nodiscard]] X& operator[](std::size_t i) { return states_[i]; }
  [[nodiscard]] const X& operator[](std::size_t i) const { return states_[i]; }

  /// Row i: one double per sample.
  [[nodiscard]] std::span<double> row(std::size_t i) {
    return {rows_.data() + i * extents_.samples, extents_.samples};
  }

  [[nodiscard]] Extents shape() const { return extents_; }

 private:
  template <std::size_t... I>
  static std::array<X, N> make(const X& x, std::index_sequence<I...>) {
    return {((void)I, backend(x).make_like(x))...};
  }

  Extents extents_;
  std::array<X, N> states_;
  std::vector<double> rows_;
};

}  // namespace scoresde
