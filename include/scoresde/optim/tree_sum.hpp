// SPDX-License-Identifier: MIT
/// The sum of terms in a fixed binary tree, which any number of ranks can compute with the same
/// bits.
///
///   ((x₀ + x₁) + (x₂ + x₃)) + ((x₄ + x₅) + x₆)
///
/// Neighbors are added first, then neighboring sums of two, of four, and so on; a sum without a
/// neighbor moves up unchanged. Where each rank has 2ᵏ consecutive terms, the sum of its terms is a
/// node of the tree, and the tree over the sums of the ranks is the rest of it.
#pragma once

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <span>
#include <vector>

#include <scoresde/error.hpp>

namespace scoresde {

/// Calls add(i, j), which is to execute xᵢ ← xᵢ + xⱼ, in the order of the tree; x₀ is then the sum.
template <class Add>
void visit_sum_tree(std::size_t terms, Add&& add) {
  for (std::size_t stride = 1; stride < terms; stride *= 2)
    for (std::size_t i = 0; i + stride < terms; i += 2 * stride) add(i, i + stride);
}

/// left ← left + right, elementwise; both have the same length.
template <std::floating_point T>
void add_to(std::span<T> left, std::span<const T> right) {
#if defined(_OPENMP)
#pragma omp parallel for schedule(static)
#endif
  for (std::size_t i = 0; i < left.size(); ++i) left[i] += right[i];
}

/// Sums vectors that are computed one after another, in the order of the tree: `terms` of them need
/// ⌊log₂ terms⌋ vectors in addition to the result.
template <std::floating_point T>
class TreeSum {
 public:
  /// Allocates. Throws Error if `terms` is 0.
  explicit TreeSum(std::size_t size, std::size_t terms = 1) : terms_(terms) {
    require(terms > 0, "tree sum: terms is 0; it must be at least 1");
    sums_.assign(static_cast<std::size_t>(std::bit_width(terms)), std::vector<T>(size));
  }

  [[nodiscard]] std::size_t terms() const { return terms_; }

  /// Begins another sum.
  void clear() { depth_ = added_ = 0; }
  /// The memory of the next term, zero. The term is complete when add() is called.
  [[nodiscard]] std::span<T> next() {
    std::fill(sums_[depth_].begin(), sums_[depth_].end(), T(0));
    return sums_[depth_];
  }
  /// Adds the term that was written to next(). After the last of `terms`, result() has the sum.
  void add() {
    ++depth_;
    ++added_;
    for (std::size_t n = added_; n % 2 == 0; n /= 2) merge();
    while (added_ == terms_ && depth_ > 1) merge();
  }
  /// Whether next() is the last term.
  [[nodiscard]] bool is_last() const { return added_ + 1 == terms_; }
  /// In place of add() for the last term, as its parts become complete: elements first … first +
  /// count − 1 of it, each once. Returns their sums, with the same bits.
  std::span<T> add_last(std::size_t first, std::size_t count) {
    for (std::size_t d = depth_; d > 0; --d)
      add_to(std::span<T>(sums_[d - 1]).subspan(first, count),
             std::span<const T>(sums_[d]).subspan(first, count));
    return result().subspan(first, count);
  }
  [[nodiscard]] std::span<T> result() { return sums_.front(); }
  [[nodiscard]] std::span<const T> result() const { return sums_.front(); }

 private:
  void merge() {
    --depth_;
    add_to(std::span<T>(sums_[depth_ - 1]), std::span<const T>(sums_[depth_]));
  }

  std::size_t terms_, depth_ = 0, added_ = 0;
  std::vector<std::vector<T>> sums_;  ///< of complete subtrees, larger ones first
};

}  // namespace scoresde
