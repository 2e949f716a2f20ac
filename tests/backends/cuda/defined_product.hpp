// SPDX-License-Identifier: MIT
/// A matrix product computed from its definition.
#pragma once

#include <cstddef>
#include <vector>

#include <scoresde/cuda/cublaslt_product.hpp>

namespace scoresde::test {

/// Number of elements in the memory of A, B and C.
inline std::size_t size_of_a(const cuda::MatrixProduct& p) {
  const std::size_t rows = p.transpose_a ? p.k : p.m, columns = p.transpose_a ? p.m : p.k;
  return p.batch * rows * (p.row_a > 0 ? p.row_a : columns);
}
inline std::size_t size_of_b(const cuda::MatrixProduct& p) {
  const std::size_t rows = p.transpose_b ? p.n : p.k, columns = p.transpose_b ? p.k : p.n;
  return p.batch * rows * (p.row_b > 0 ? p.row_b : columns);
}
inline std::size_t size_of_c(const cuda::MatrixProduct& p) {
  return p.batch * p.m * (p.row_c > 0 ? p.row_c : p.n);
}

/// C ← α·op(A) op(B) + β·C + bias in double, for the layout of MatrixProduct.
inline void define(const cuda::MatrixProduct& p, const std::vector<double>& a,
                   const std::vector<double>& b, const double* bias, double alpha, double beta,
                   std::vector<double>& c) {
  const std::size_t row_a = p.row_a > 0 ? p.row_a : p.transpose_a ? p.m : p.k;
  const std::size_t row_b = p.row_b > 0 ? p.row_b : p.transpose_b ? p.k : p.n;
  const std::size_t row_c = p.row_c > 0 ? p.row_c : p.n;
  for (std::size_t s = 0; s < p.batch; ++s) {
    const double* const as = a.data() + s * (size_of_a(p) / p.batch);
    const double* const bs = b.data() + s * (size_of_b(p) / p.batch);
    for (std::size_t i = 0; i < p.m; ++i)
      for (std::size_t j = 0; j < p.n; ++j) {
        double sum = 0;
        for (std::size_t l = 0; l < p.k; ++l)
          sum += (p.transpose_a ? as[l * row_a + i] : as[i * row_a + l]) *
                 (p.transpose_b ? bs[j * row_b + l] : bs[l * row_b + j]);
        double& result = c[s * p.m * row_c + i * row_c + j];
        result = alpha * sum + (beta == 0 ? 0 : beta * result) + (bias != nullptr ? bias[j] : 0);
      }
  }
}

}  // namespace scoresde::test
