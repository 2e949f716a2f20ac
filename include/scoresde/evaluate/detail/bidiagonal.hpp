// SPDX-License-Identifier: MIT
/// Singular values of a bidiagonal matrix by implicit QR iterations.
///
///   B = bidiagonal(d, e):  rotations from both sides until every e is negligible
///
/// Demmel and Kahan 1990 (SIAM J. Sci. Stat. Comput. 11, 873), sections 3 and 5: with zero shift
/// where a shift would cost accuracy or d has a zero, else with the smaller singular value of the
/// last 2 × 2 block.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>

namespace scoresde::detail {

struct Rotation {
  double c = 1, s = 0, r = 0;
};

/// (c, s, r) with c·f + s·g = r and c·g − s·f = 0.
[[nodiscard]] inline Rotation rotation(double f, double g) {
  if (g == 0) return {1, 0, f};
  const double r = std::hypot(f, g);
  return {f / r, g / r, r};
}

class BidiagonalValues {
 public:
  /// d has n entries, e the n − 1 above the diagonal.
  BidiagonalValues(std::vector<double> d, std::vector<double> e)
      : d_(std::move(d)), e_(std::move(e)) {
    for (const double value : d_) scale_ = std::max(scale_, std::abs(value));
    for (const double value : e_) scale_ = std::max(scale_, std::abs(value));
  }

  /// The singular values in no particular order. Throws Error when the iteration does not converge.
  [[nodiscard]] std::vector<double> values() && {
    std::size_t sweeps = 0;
    for (std::size_t last = d_.empty() ? 0 : d_.size() - 1; last > 0;) {
      const std::size_t first = begin_of_block(last);
      if (first == last) {
        --last;
        continue;
      }
      require(++sweeps <= 60 * d_.size(), "singular values: QR iterations did not converge in ",
              sweeps, " sweeps; the matrix must be finite");
      const double shift = shift_of(last);
      if (has_zero(first, last) || shift * shift <= epsilon * scale_ * scale_ * epsilon)
        sweep_without_shift(first, last);
      else
        sweep(first, last, shift);
    }
    for (double& value : d_) value = std::abs(value);
    return std::move(d_);
  }

 private:
  static constexpr double epsilon = std::numeric_limits<double>::epsilon();

  /// The first index of the undivided block that ends at `last`; negligible e become 0.
  [[nodiscard]] std::size_t begin_of_block(std::size_t last) {
    std::size_t first = last;
    while (first > 0) {
      const double size = std::abs(d_[first - 1]) + std::abs(d_[first]);
      if (std::abs(e_[first - 1]) <= epsilon * size || std::abs(e_[first - 1]) <= tiny()) {
        e_[first - 1] = 0;
        break;
      }
      --first;
    }
    return first;
  }
  /// Changes of this size are far below the rounding errors of the bidiagonalization.
  [[nodiscard]] double tiny() const { return 0x1p-8 * epsilon * scale_; }

  /// Negligible entries of d become 0; a sweep without shift then separates a block.
  [[nodiscard]] bool has_zero(std::size_t first, std::size_t last) {
    bool found = false;
    for (std::size_t i = first; i <= last; ++i)
      if (std::abs(d_[i]) <= tiny()) {
        d_[i] = 0;
        found = true;
      }
    return found;
  }

  /// The smaller singular value of [d e; 0 d'] at the end.
  [[nodiscard]] double shift_of(std::size_t last) const {
    const double f = std::abs(d_[last - 1]), g = std::abs(e_[last - 1]), h = std::abs(d_[last]);
    const double sum = std::hypot(f + h, g), difference = std::hypot(f - h, g);
    return sum > 0 ? 2 * f * h / (sum + difference) : 0;
  }

  void sweep_without_shift(std::size_t first, std::size_t last) {
    Rotation right, left;
    for (std::size_t i = first; i < last; ++i) {
      right = rotation(d_[i] * right.c, e_[i]);
      if (i > first) e_[i - 1] = left.s * right.r;
      left = rotation(left.c * right.r, d_[i + 1] * right.s);
      d_[i] = left.r;
    }
    const double rest = d_[last] * right.c;
    e_[last - 1] = rest * left.s;
    d_[last] = rest * left.c;
  }

  void sweep(std::size_t first, std::size_t last, double shift) {
    double f = (std::abs(d_[first]) - shift) * (std::copysign(1.0, d_[first]) + shift / d_[first]);
    double g = e_[first];
    for (std::size_t i = first; i < last; ++i) {
      const Rotation right = rotation(f, g);
      if (i > first) e_[i - 1] = right.r;
      f = right.c * d_[i] + right.s * e_[i];
      e_[i] = right.c * e_[i] - right.s * d_[i];
      g = right.s * d_[i + 1];
      d_[i + 1] *= right.c;
      const Rotation left = rotation(f, g);
      d_[i] = left.r;
      f = left.c * e_[i] + left.s * d_[i + 1];
      d_[i + 1] = left.c * d_[i + 1] - left.s * e_[i];
      if (i + 1 < last) {
        g = left.s * e_[i + 1];
        e_[i + 1] *= left.c;
      }
    }
    e_[last - 1] = f;
  }

  std::vector<double> d_, e_;
  double scale_ = 0;
};

}  // namespace scoresde::detail
