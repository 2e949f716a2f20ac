// SPDX-License-Identifier: MIT
/// The sum of the singular values of a matrix M, which is tr √(M Mᵀ).
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>
#include <vector>

#include <scoresde/evaluate/detail/band_reduction.hpp>
#include <scoresde/evaluate/detail/bidiagonal.hpp>
#include <scoresde/evaluate/detail/inner_products.hpp>

namespace scoresde::detail {

/// Of a row-major matrix of rows ≥ columns. Throws Error as BidiagonalValues does.
[[nodiscard]] inline std::vector<double> singular_values_of(std::vector<double> matrix,
                                                            std::size_t rows, std::size_t columns) {
  BulgeChase chase(BandReduction(std::move(matrix), rows, columns).band());
  return BidiagonalValues(chase.diagonal(), chase.superdiagonal()).values();
}

/// Σ_i σ_i of the matrix of inner products a_i·b_j.
template <class A, class B>
[[nodiscard]] double nuclear_norm_of_products(const VectorSet<A>& a, const VectorSet<B>& b) {
  if (a.count < b.count) return nuclear_norm_of_products(b, a);
  if (b.count == 0) return 0;
  std::vector<double> products(a.count * b.count);
  add_inner_products(a, b, products.data(), b.count);
  std::vector<double> values = singular_values_of(std::move(products), a.count, b.count);
  std::sort(values.begin(), values.end());
  return std::accumulate(values.begin(), values.end(), 0.0);
}

}  // namespace scoresde::detail
