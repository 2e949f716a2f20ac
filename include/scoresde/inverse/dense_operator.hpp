// SPDX-License-Identifier: MIT
/// Operators given by a matrix: any one, and random projections with orthonormal rows.
///
///   A = U diag(s) Vᵀ by one-sided Jacobi rotations: W = Uᵀ A with orthogonal rows sᵢ vᵢᵀ
///
/// Golub & Van Loan, Matrix Computations, section 8.6.3 (Hestenes' method), which finds small
/// singular values to full relative accuracy where the rows are well scaled. It takes O(rows² ·
/// columns) operations per sweep.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/inverse/linear_operator.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/score/symmetric_eigen.hpp>

namespace scoresde {
namespace detail {

/// Σ a·b of two rows of a matrix.
[[nodiscard]] inline double row_product(const double* a, const double* b, std::size_t n) {
  double sum = 0;
  for (std::size_t j = 0; j < n; ++j) sum += a[j] * b[j];
  return sum;
}

/// y ← M x, or x ← Mᵀ y, for a rows × columns matrix.
template <class T>
void multiply(const std::vector<double>& m, std::size_t rows, std::size_t columns, const T* x,
              T* y) {
  for (std::size_t i = 0; i < rows; ++i) {
    double sum = 0;
    for (std::size_t j = 0; j < columns; ++j) sum += m[i * columns + j] * static_cast<double>(x[j]);
    y[i] = static_cast<T>(sum);
  }
}
template <class T>
void multiply_transposed(const std::vector<double>& m, std::size_t rows, std::size_t columns,
                         const T* y, T* x) {
  for (std::size_t j = 0; j < columns; ++j) {
    double sum = 0;
    for (std::size_t i = 0; i < rows; ++i) sum += m[i * columns + j] * static_cast<double>(y[i]);
    x[j] = static_cast<T>(sum);
  }
}

/// U and V by rows: row i of `left` is uᵢ, row i of `right` is vᵢ.
struct SingularValues {
  std::vector<double> values, left, right;
};

/// Decomposes the matrix; singular values below 1e-14 of the largest are 0, with v = 0.
[[nodiscard]] inline SingularValues singular_values(std::vector<double> w, std::size_t rows,
                                                    std::size_t columns) {
  SingularValues result{std::vector<double>(rows), std::vector<double>(rows * rows), {}};
  for (std::size_t i = 0; i < rows; ++i) result.left[i * rows + i] = 1;
  bool rotated = true;
  for (int sweep = 0; sweep < 60 && rotated; ++sweep) {
    rotated = false;
    for (std::size_t p = 0; p + 1 < rows; ++p)
      for (std::size_t q = p + 1; q < rows; ++q) {
        const double *a = &w[p * columns], *b = &w[q * columns];
        const double pp = row_product(a, a, columns), qq = row_product(b, b, columns);
        const double pq = row_product(a, b, columns);
        if (std::abs(pq) <= 1e-15 * std::sqrt(pp * qq)) continue;
        rotated = true;
        const double tau = (qq - pp) / (2 * pq);
        const double tangent = (tau >= 0 ? 1 : -1) / (std::abs(tau) + std::hypot(1, tau));
        const double c = 1 / std::hypot(1, tangent), s = tangent * c;
        rotate_rows(w, columns, p, q, c, s);
        rotate_rows(result.left, rows, p, q, c, s);
      }
  }
  double largest = 0;
  for (std::size_t i = 0; i < rows; ++i) {
    result.values[i] = std::sqrt(row_product(&w[i * columns], &w[i * columns], columns));
    largest = std::max(largest, result.values[i]);
  }
  for (std::size_t i = 0; i < rows; ++i) {
    if (result.values[i] <= 1e-14 * largest) result.values[i] = 0;
    for (std::size_t j = 0; j < columns; ++j)
      w[i * columns + j] = result.values[i] > 0 ? w[i * columns + j] / result.values[i] : 0;
  }
  result.right = std::move(w);
  return result;
}

}  // namespace detail

/// Any matrix with at most as many rows as columns.
class DenseOperator {
 public:
  static constexpr bool orthonormal_rows = false;

  /// `matrix` is in row-major order. Throws Error unless it has rows × columns finite entries with
  /// 1 ≤ rows ≤ columns, and one that is not 0.
  DenseOperator(std::vector<double> matrix, std::size_t rows, std::size_t columns)
      : rows_(rows), columns_(columns), matrix_(std::move(matrix)) {
    require(rows >= 1 && rows <= columns && matrix_.size() == rows * columns,
            "dense operator: ", matrix_.size(), " entries given for ", rows, " rows and ", columns,
            " columns; there must be rows x columns, with 1 <= rows <= columns");
    double largest = 0;
    for (const double entry : matrix_) {
      require(std::isfinite(entry), "dense operator: an entry is ", entry, "; it must be finite");
      largest = std::max(largest, std::abs(entry));
    }
    require(largest > 0, "dense operator: all ", matrix_.size(), " entries are 0; one must not be");
    svd_ = detail::singular_values(matrix_, rows, columns);
    make_inverse();
  }

  [[nodiscard]] std::size_t rows() const { return rows_; }
  [[nodiscard]] std::size_t columns() const { return columns_; }
  [[nodiscard]] std::span<const double> singular_values() const { return svd_.values; }

  template <ContiguousState X>
  void apply(const X& x, X& y) const {
    forward(matrix_, rows_, columns_, x, y);
  }
  template <ContiguousState X>
  void adjoint(const X& y, X& x) const {
    backward(matrix_, rows_, columns_, y, x);
  }
  template <ContiguousState X>
  void pseudo_inverse(const X& y, X& x) const {
    backward(inverse_, rows_, columns_, y, x);
  }
  template <ContiguousState X>
  void left_coordinates(const X& y, X& c) const {
    forward(svd_.left, rows_, rows_, y, c);
  }
  template <ContiguousState X>
  void right_coordinates(const X& x, X& c) const {
    forward(svd_.right, rows_, columns_, x, c);
  }
  template <ContiguousState X>
  void from_right_coordinates(const X& c, X& x) const {
    backward(svd_.right, rows_, columns_, c, x);
  }

 private:
  static constexpr const char* name = "dense operator";

  /// inverse ← (A⁺)ᵀ = U diag(1/s) Vᵀ.
  void make_inverse() {
    inverse_.resize(rows_ * columns_);
    for (std::size_t l = 0; l < rows_; ++l)
      if (svd_.values[l] > 0)
        for (std::size_t i = 0; i < rows_; ++i)
          for (std::size_t j = 0; j < columns_; ++j)
            inverse_[i * columns_ + j] +=
                svd_.left[l * rows_ + i] * svd_.right[l * columns_ + j] / svd_.values[l];
  }
  template <class X>
  static void forward(const std::vector<double>& m, std::size_t rows, std::size_t columns,
                      const X& x, X& y) {
    detail::map_samples(name, x, columns, y, rows, [&](const auto* in, auto* out) {
      detail::multiply(m, rows, columns, in, out);
    });
  }
  template <class X>
  static void backward(const std::vector<double>& m, std::size_t rows, std::size_t columns,
                       const X& y, X& x) {
    detail::map_samples(name, y, rows, x, columns, [&](const auto* in, auto* out) {
      detail::multiply_transposed(m, rows, columns, in, out);
    });
  }

  std::size_t rows_, columns_;
  std::vector<double> matrix_;
  detail::SingularValues svd_;
  std::vector<double> inverse_;
};

/// `rows` random directions of R^columns, orthonormal: a pure function of the seed.
class RandomProjection : public detail::ScaledCoisometry<RandomProjection> {
 public:
  static constexpr bool orthonormal_rows = true;
  static constexpr const char* name = "random projection";

  /// Throws Error unless 1 ≤ rows ≤ columns.
  RandomProjection(std::size_t rows, std::size_t columns, std::uint64_t seed)
      : ScaledCoisometry(rows, columns, 1), matrix_(rows * columns) {
    require(rows >= 1 && rows <= columns, "random projection: ", rows, " rows of ", columns,
            " columns; 1 <= rows <= columns is needed");
    const NoiseDraw draw = Noise{.seed = seed, .purpose = Purpose::probe}.draw(0);
    std::vector<float> z(columns);
    for (std::size_t i = 0; i < rows; ++i) {
      fill_normal(z, draw, i, 0);
      for (std::size_t j = 0; j < columns; ++j) matrix_[i * columns + j] = z[j];
      orthonormalize(i);
    }
  }

  template <class T>
  void apply_sample(const T* x, T* y) const {
    detail::multiply(matrix_, rows(), columns(), x, y);
  }
  template <class T>
  void invert_sample(const T* y, T* x) const {
    detail::multiply_transposed(matrix_, rows(), columns(), y, x);
  }

 private:
  /// Row i by Gram-Schmidt, twice for rounding.
  void orthonormalize(std::size_t i) {
    double* row = &matrix_[i * columns()];
    for (int pass = 0; pass < 2; ++pass)
      for (std::size_t k = 0; k < i; ++k) {
        const double* other = &matrix_[k * columns()];
        const double along = detail::row_product(row, other, columns());
        for (std::size_t j = 0; j < columns(); ++j) row[j] -= along * other[j];
      }
    const double norm = std::sqrt(detail::row_product(row, row, columns()));
    for (std::size_t j = 0; j < columns(); ++j) row[j] /= norm;
  }
  std::vector<double> matrix_;
};

}  // namespace scoresde
