// SPDX-License-Identifier: MIT
/// Eigendecomposition of a small symmetric matrix by cyclic Jacobi rotations.
///
///   C = Qᵀ diag(λ) Q,   rows of Q are the eigenvectors
///
/// Golub & Van Loan, Matrix Computations, section 8.5. Accurate to a few ulps of the largest
/// eigenvalue; intended for up to a few hundred dimensions.
#pragma once

#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

namespace scoresde {

/// Eigenvalues and orthonormal eigenvectors.
struct SymmetricEigen {
  std::vector<double> values;   ///< λ
  std::vector<double> vectors;  ///< row i of the d×d matrix belongs to values[i]
};

/// Rotates rows p and q of the n×n matrix m: (row p, row q) ← (c·p − s·q, s·p + c·q).
inline void rotate_rows(std::vector<double>& m, std::size_t n, std::size_t p, std::size_t q,
                        double c, double s) {
  for (std::size_t j = 0; j < n; ++j) {
    const double a = m[p * n + j], b = m[q * n + j];
    m[p * n + j] = c * a - s * b;
    m[q * n + j] = s * a + c * b;
  }
}

namespace detail {

inline void rotate_columns(std::vector<double>& m, std::size_t n, std::size_t p, std::size_t q,
                           double c, double s) {
  for (std::size_t i = 0; i < n; ++i) {
    const double a = m[i * n + p], b = m[i * n + q];
    m[i * n + p] = c * a - s * b;
    m[i * n + q] = s * a + c * b;
  }
}

/// Applies the rotation that zeroes element (p, q) to m and accumulates it in q_rows.
inline void annihilate(std::vector<double>& m, std::vector<double>& q_rows, std::size_t n,
                       std::size_t p, std::size_t q) {
  const double off = m[p * n + q];
  if (off == 0) return;
  const double tau = (m[q * n + q] - m[p * n + p]) / (2 * off);
  const double tangent = (tau >= 0 ? 1 : -1) / (std::abs(tau) + std::hypot(1, tau));
  const double c = 1 / std::hypot(1, tangent), s = tangent * c;
  rotate_rows(m, n, p, q, c, s);
  rotate_columns(m, n, p, q, c, s);
  m[p * n + q] = m[q * n + p] = 0;
  rotate_rows(q_rows, n, p, q, c, s);
}

}  // namespace detail

/// Decomposes the symmetric n×n matrix m, in row-major order.
[[nodiscard]] inline SymmetricEigen symmetric_eigen(std::vector<double> m, std::size_t n) {
  SymmetricEigen result{std::vector<double>(n), std::vector<double>(n * n)};
  for (std::size_t i = 0; i < n; ++i) result.vectors[i * n + i] = 1;
  for (int sweep = 0; sweep < 60; ++sweep) {
    double off = 0, all = 0;
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j) {
        all += m[i * n + j] * m[i * n + j];
        if (i != j) off += m[i * n + j] * m[i * n + j];
      }
    if (off <= 1e-36 * all) break;
    for (std::size_t p = 0; p + 1 < n; ++p)
      for (std::size_t q = p + 1; q < n; ++q) detail::annihilate(m, result.vectors, n, p, q);
  }
  for (std::size_t i = 0; i < n; ++i) result.values[i] = m[i * n + i];
  return result;
}

}  // namespace scoresde
