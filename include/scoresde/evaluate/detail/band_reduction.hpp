// SPDX-License-Identifier: MIT
/// Bidiagonal form of a matrix in two stages, by orthogonal transformations from both sides.
///
///   M → upper band of `bandwidth` diagonals → bidiagonal(d, e)
///
/// The first stage consists of matrix products, the second works in a few megabytes; the usual
/// single stage multiplies the whole matrix by two vectors per column, at the speed of memory.
/// Großer and Lang 1999 (Parallel Computing 25, 969).
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include <scoresde/evaluate/detail/inner_products.hpp>
#include <scoresde/evaluate/detail/reflector.hpp>

namespace scoresde::detail {

inline constexpr std::size_t bandwidth = 32;

/// An n × n matrix with room for the elements j − i in (−bandwidth, 2·bandwidth).
class BandMatrix {
 public:
  explicit BandMatrix(std::size_t n) : n_(n), values_(n * width) {}
  [[nodiscard]] std::size_t size() const { return n_; }
  /// Element (i, j) and those after it in its row.
  [[nodiscard]] double* at(std::size_t i, std::size_t j) {
    return &values_[i * width + bandwidth + j - i];
  }

 private:
  static constexpr std::size_t width = 3 * bandwidth;
  std::size_t n_;
  std::vector<double> values_;
};

/// Reduces a row-major matrix of rows ≥ columns to an upper band: a_ij = 0 unless i ≤ j ≤ i +
/// bandwidth.
class BandReduction {
 public:
  BandReduction(std::vector<double> matrix, std::size_t rows, std::size_t columns)
      : a_(std::move(matrix)), m_(rows), n_(columns), band_(columns) {
    for (std::size_t i = 0; i < n_; i += bandwidth) {
      const std::size_t next = std::min(i + bandwidth, n_);
      reduce_columns(i, next);
      if (next < n_) reduce_rows(i, next);
    }
  }
  [[nodiscard]] BandMatrix band() && { return std::move(band_); }

 private:
  /// Columns [i, next) become upper triangular from row i on.
  void reduce_columns(std::size_t i, std::size_t next) {
    std::vector<double> vectors;
    for (std::size_t c = i; c < next; ++c)
      for (std::size_t r = i; r < m_; ++r) vectors.push_back(a_[r * n_ + c]);
    const ReflectorBlock block(std::move(vectors), next - i, m_ - i);
    for (std::size_t c = 0; c < next - i; ++c)
      for (std::size_t r = 0; r <= c; ++r)
        *band_.at(i + r, i + c) = block.triangle[c * block.count + r];
    if (next == n_) return;
    double* const rest = &a_[i * n_ + next];
    const VectorSet<double> columns{rest, n_ - next, m_ - i, 1, n_};
    const std::vector<double> w = weights(columns, block);
    const VectorSet<double> v{block.v.data(), m_ - i, block.count, 1, block.length, -1};
    add_inner_products(v, rows_of(w.data(), n_ - next, block.count), rest, n_);
  }

  /// Rows [i, next) become lower triangular from column `next` on.
  void reduce_rows(std::size_t i, std::size_t next) {
    std::vector<double> vectors;
    for (std::size_t r = i; r < next; ++r)
      vectors.insert(vectors.end(), &a_[r * n_ + next], &a_[r * n_] + n_);
    const ReflectorBlock block(std::move(vectors), next - i, n_ - next);
    for (std::size_t r = 0; r < next - i; ++r)
      for (std::size_t c = 0; c <= r && c < block.count; ++c)
        *band_.at(i + r, next + c) = block.triangle[r * block.count + c];
    double* const rest = &a_[next * n_ + next];
    const VectorSet<double> rows{rest, m_ - next, n_ - next, n_};
    std::vector<double> w = weights(rows, block);
    for (double& value : w) value = -value;
    const VectorSet<double> v{block.v.data(), n_ - next, block.count, 1, block.length};
    add_inner_products(rows_of(w.data(), m_ - next, block.count), v, rest, n_);
  }

  /// Row j is (V x_j)ᵀ T.
  [[nodiscard]] static std::vector<double> weights(const VectorSet<double>& x,
                                                   const ReflectorBlock& block) {
    const std::size_t count = block.count;
    std::vector<double> products(x.count * count), w(x.count * count);
    add_inner_products(x, rows_of(block.v.data(), count, block.length), products.data(), count);
    for (std::size_t j = 0; j < x.count; ++j)
      for (std::size_t i = 0; i < count; ++i)
        for (std::size_t k = i; k < count; ++k)
          w[j * count + k] += products[j * count + i] * block.t[i * count + k];
    return w;
  }

  std::vector<double> a_;
  std::size_t m_, n_;
  BandMatrix band_;
};

/// Reduces a band to bidiagonal form: each row's reflector fills a block below the diagonal, whose
/// first column is moved down the band, one bandwidth per step, past the end.
class BulgeChase {
 public:
  explicit BulgeChase(BandMatrix band) : b_(std::move(band)) {
    const std::size_t n = b_.size();
    for (std::size_t i = 0; i + 1 < n; ++i) {
      std::size_t row = i;  // whose elements after column `first` vanish
      for (std::size_t first = i + 1; first < n; first += bandwidth) {
        const std::size_t end = std::min(first + bandwidth, n);
        reflect_columns(row, first, end);
        reflect_rows(first, end);
        row = first;
      }
    }
  }

  [[nodiscard]] std::vector<double> diagonal() {
    std::vector<double> d;
    for (std::size_t i = 0; i < b_.size(); ++i) d.push_back(*b_.at(i, i));
    return d;
  }
  [[nodiscard]] std::vector<double> superdiagonal() {
    std::vector<double> e;
    for (std::size_t i = 0; i + 1 < b_.size(); ++i) e.push_back(*b_.at(i, i + 1));
    return e;
  }

 private:
  /// From the right, on columns [first, end): row `row` keeps only its element in column `first`.
  void reflect_columns(std::size_t row, std::size_t first, std::size_t end) {
    const std::size_t count = end - first;
    double v[bandwidth] = {};
    std::copy_n(b_.at(row, first), count, v);
    const Reflector h = make_reflector(v, count);
    std::fill_n(b_.at(row, first), count, 0.0);
    *b_.at(row, first) = h.beta;
    if (h.tau == 0) return;
    for (std::size_t r = row + 1; r < end; ++r) reflect(b_.at(r, first), v, h.tau, count);
  }

  /// From the left, on rows [first, end): column `first` keeps only its diagonal element.
  void reflect_rows(std::size_t first, std::size_t end) {
    const std::size_t count = end - first, last = std::min(end + bandwidth, b_.size());
    double v[bandwidth] = {}, sum[2 * bandwidth] = {};
    for (std::size_t r = 0; r < count; ++r) v[r] = *b_.at(first + r, first);
    const Reflector h = make_reflector(v, count);
    for (std::size_t r = 0; r < count; ++r) *b_.at(first + r, first) = r == 0 ? h.beta : 0;
    if (h.tau == 0 || first + 1 == last) return;
    const std::size_t columns = last - first - 1;
    for (std::size_t r = 0; r < count; ++r) {
      const double* const from = b_.at(first + r, first + 1);
      for (std::size_t c = 0; c < columns; ++c) sum[c] += v[r] * from[c];
    }
    for (std::size_t r = 0; r < count; ++r) {
      double* const to = b_.at(first + r, first + 1);
      const double factor = h.tau * v[r];
      for (std::size_t c = 0; c < columns; ++c) to[c] -= factor * sum[c];
    }
  }

  BandMatrix b_;
};

}  // namespace scoresde::detail
