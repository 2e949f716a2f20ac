// SPDX-License-Identifier: MIT
/// A rank-revealing factor of a covariance, by Cholesky's method with diagonal pivoting.
///
///   Σ ≈ L Lᵀ,   L of d × r, r the numerical rank
///
/// Higham 1990 (Analysis of the Cholesky decomposition of a semi-definite matrix), section 4. A
/// variable whose remaining variance is rounding noise of its own variance is dependent on the
/// pivots: it has no column of L, and its row ends there.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include <scoresde/evaluate/detail/inner_products.hpp>

namespace scoresde::detail {

class PivotedCholesky {
 public:
  /// Decomposes the d × d matrix `sigma`, of which the lower triangle is used.
  PivotedCholesky(std::vector<double> sigma, std::size_t d)
      : d_(d), s_(std::move(sigma)), l_(d * d), variance_(d), left_(d), used_(d) {
    for (std::size_t i = 0; i < d; ++i) left_[i] = variance_[i] = s_[i * d + i];
    for (;;) {
      const std::size_t begin = rank_;
      while (rank_ < begin + panel && rank_ < d && add_column(begin)) {
      }
      if (rank_ < begin + panel) break;
      VectorSet<double> negative{l_.data() + begin, d, panel, d, 1, -1};
      VectorSet<double> columns{l_.data() + begin, d, panel, d};
      add_inner_products(negative, columns, s_.data(), d, Products::lower);
    }
    s_ = {};
  }

  [[nodiscard]] std::size_t rank() const { return rank_; }
  /// The columns of L, each of d elements.
  [[nodiscard]] VectorSet<double> columns() const { return {l_.data(), rank_, d_, 1, d_}; }

 private:
  static constexpr std::size_t panel = 64;

  /// Whether the remaining variance of variable i is more than the rounding errors of its variance.
  [[nodiscard]] bool independent(std::size_t i) const {
    const double noise =
        4 * static_cast<double>(d_) * std::numeric_limits<double>::epsilon() * variance_[i];
    return left_[i] > noise;
  }

  /// Appends a column of L, that of the largest remaining variance; false if there is none. Columns
  /// before `begin` are subtracted from s_ already.
  bool add_column(std::size_t begin) {
    std::size_t pivot = d_;
    for (std::size_t i = 0; i < d_; ++i) {
      if (used_[i] != 0) continue;
      if (!independent(i))
        used_[i] = 1;
      else if (pivot == d_ || left_[i] > left_[pivot])
        pivot = i;
    }
    if (pivot == d_) return false;
    used_[pivot] = 1;
    const double root = std::sqrt(left_[pivot]);
    const double* const row = &l_[pivot * d_];
    for (std::size_t i = 0; i < d_; ++i) {
      if (used_[i] != 0) continue;
      double* const to = &l_[i * d_];
      double rest = i > pivot ? s_[i * d_ + pivot] : s_[pivot * d_ + i];
      for (std::size_t k = begin; k < rank_; ++k) rest -= to[k] * row[k];
      to[rank_] = rest / root;
      left_[i] -= to[rank_] * to[rank_];
    }
    l_[pivot * d_ + rank_++] = root;
    return true;
  }

  std::size_t d_, rank_ = 0;
  std::vector<double> s_, l_, variance_, left_;
  std::vector<char> used_;
};

}  // namespace scoresde::detail
