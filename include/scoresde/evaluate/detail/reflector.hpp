// SPDX-License-Identifier: MIT
/// Householder reflectors, one and in blocks.
///
///   H = 1 − τ v vᵀ,   H_0 H_1 … = 1 − Vᵀ T V   with the rows v_k of V and T upper triangular
///
/// Golub and Van Loan, Matrix Computations, section 5.1; Schreiber and Van Loan 1989 (SIAM J. Sci.
/// Stat. Comput. 10, 53) for T.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <vector>

namespace scoresde::detail {

/// Σ a_k·b_k in 16 partial sums of a fixed order.
[[nodiscard]] inline double dot(const double* a, const double* b, std::size_t n) {
  constexpr std::size_t parts = 16;
  double sum[parts] = {};
  std::size_t k = 0;
  for (; k + parts <= n; k += parts)
    for (std::size_t p = 0; p < parts; ++p) sum[p] += a[k + p] * b[k + p];
  for (std::size_t p = 0; k < n; ++k, ++p) sum[p] += a[k] * b[k];
  return std::accumulate(sum, sum + parts, 0.0);
}

struct Reflector {
  double tau = 0, beta = 0;
};

/// Replaces v by the vector of the reflector, of first element 1, that maps it to (β, 0, …).
[[nodiscard]] inline Reflector make_reflector(double* v, std::size_t n) {
  double largest = 0;
  for (std::size_t k = 1; k < n; ++k) largest = std::max(largest, std::abs(v[k]));
  const double alpha = v[0];
  v[0] = 1;
  if (largest == 0) return {0, alpha};
  largest = std::max(largest, std::abs(alpha));
  double squares = (alpha / largest) * (alpha / largest);
  for (std::size_t k = 1; k < n; ++k) squares += (v[k] / largest) * (v[k] / largest);
  const double beta = -std::copysign(largest * std::sqrt(squares), alpha);
  for (std::size_t k = 1; k < n; ++k) v[k] /= alpha - beta;
  return {(beta - alpha) / beta, beta};
}

/// x ← x − τ (vᵀx) v.
inline void reflect(double* x, const double* v, double tau, std::size_t n) {
  const double factor = tau * dot(v, x, n);
  for (std::size_t k = 0; k < n; ++k) x[k] -= factor * v[k];
}

/// The reflectors that make `count` vectors of `length` ≥ count elements triangular, one after
/// another.
struct ReflectorBlock {
  std::size_t count = 0, length = 0;
  std::vector<double> v;         ///< count × length
  std::vector<double> t;         ///< count × count
  std::vector<double> triangle;  ///< row k: vector k after its reflection, count elements

  /// Of the first `count` of `rows` vectors; the others are reflected, and their results are in
  /// `triangle` too.
  ReflectorBlock(std::vector<double> vectors, std::size_t rows, std::size_t size)
      : count(std::min(rows, size)),
        length(size),
        v(std::move(vectors)),
        t(count * count),
        triangle(rows * count) {
    for (std::size_t k = 0; k < count; ++k) {
      double* const own = &v[k * length];
      std::copy_n(own, k, &triangle[k * count]);
      const Reflector h = make_reflector(own + k, length - k);
      triangle[k * count + k] = h.beta;
      std::fill_n(own, k, 0.0);
      for (std::size_t j = k + 1; j < rows; ++j)
        reflect(&v[j * length + k], own + k, h.tau, length - k);
      extend_t(k, h.tau);
    }
    for (std::size_t k = count; k < rows; ++k)
      std::copy_n(&v[k * length], count, &triangle[k * count]);
  }

 private:
  /// Column k of T: −τ T (V v_k), then τ.
  void extend_t(std::size_t k, double tau) {
    std::vector<double> products(k);
    for (std::size_t j = 0; j < k; ++j)
      products[j] = dot(&v[j * length + k], &v[k * length + k], length - k);
    for (std::size_t i = 0; i < k; ++i) {
      double sum = 0;
      for (std::size_t j = i; j < k; ++j) sum += t[i * count + j] * products[j];
      t[i * count + k] = -tau * sum;
    }
    t[k * count + k] = tau;
  }
};

}  // namespace scoresde::detail
