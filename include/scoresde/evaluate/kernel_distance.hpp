// SPDX-License-Identifier: MIT
/// Kernel distance of two sets of features (KID in Inception's): the unbiased squared maximum mean
/// discrepancy under a polynomial kernel, of subsets, blocks or whole sets.
///
///   k(x, y) = (γ x·y + c)^degree
///   Σ_{i≠j} k(x_i, x_j)/(m(m−1)) + Σ_{i≠j} k(y_i, y_j)/(n(n−1)) − 2 Σ k(x_i, y_j)/(mn)
///
/// Bińkowski et al. 2018 (arXiv:1801.01401), section 4 and appendix; Gretton et al. 2012, lemma 6.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/evaluate/detail/inner_products.hpp>
#include <scoresde/evaluate/features.hpp>
#include <scoresde/evaluate/numpy_random.hpp>
#include <scoresde/evaluate/standard_error.hpp>

namespace scoresde {

struct PolynomialKernel {
  int degree = 3;
  double gamma = 0;  ///< 0: 1/d
  double offset = 1;
};

/// How subsets are chosen: torch-fidelity's are `subset_size` of the first set, then of the second,
/// from one RandomState(seed); clean-fid's and StyleGAN's are at most that many, of the second set
/// first.
enum class KernelSubsets : std::uint8_t { torch_fidelity, clean_fid };

struct KernelDistanceOptions {
  PolynomialKernel kernel = {};
  KernelSubsets rule = KernelSubsets::torch_fidelity;
  std::size_t subsets = 100, subset_size = 1000;
  std::uint32_t seed = 2020;
};

struct KernelDistance {
  double value = 0;  ///< can be negative
  double standard_deviation =
      0;  ///< of the subsets' or blocks' values, of denominator their number
  /// Of `value`. Not a number for subsets, which share images, and for one block: that of
  /// kernel_distance, the estimate from all images, bounds it from below.
  double standard_error = 0;
  std::vector<double> values;  ///< of the subsets or blocks
};

namespace detail {

/// The sums of kernel values that the unbiased estimate and its jackknife need.
class KernelSums {
 public:
  /// Of vectors that are rows.
  template <class X, class Y>
  KernelSums(const VectorSet<X>& x, const VectorSet<Y>& y, const PolynomialKernel& kernel)
      : kernel_(kernel), xx_(x.count), xy_(x.count), yx_(y.count), yy_(y.count) {
    if (kernel_.gamma == 0) kernel_.gamma = 1 / static_cast<double>(x.length);
    add(x, x, xx_, xx_, true);
    add(y, y, yy_, yy_, true);
    add(x, y, xy_, yx_, false);
  }

  [[nodiscard]] double estimate() const {
    return within(sum(xx_), xx_.size()) + within(sum(yy_), yy_.size()) -
           2 * sum(xy_) / (size(xx_.size()) * size(yy_.size()));
  }

  /// The jackknife over images of both sets, each left out alone.
  [[nodiscard]] double standard_error() const {
    return std::hypot(error_of(xx_, xy_, yy_.size()), error_of(yy_, yx_, xx_.size()));
  }

 private:
  static constexpr std::size_t rows = 512;  // of the kernel matrix in memory

  [[nodiscard]] static double size(std::size_t n) { return static_cast<double>(n); }
  [[nodiscard]] static double sum(const std::vector<double>& values) {
    return sum(values.data(), values.size());
  }
  [[nodiscard]] static double within(double sum, std::size_t n) {
    return sum / (size(n) * (size(n) - 1));
  }

  /// Replaces products by kernel values.
  void evaluate(double* products, std::size_t n) const {
    for (std::size_t j = 0; j < n; ++j) {
      const double base = kernel_.gamma * products[j] + kernel_.offset;
      double value = base;
      for (int i = 1; i < kernel_.degree; ++i) value *= base;
      products[j] = value;
    }
  }

  /// In 8 partial sums.
  [[nodiscard]] static double sum(const double* values, std::size_t n) {
    constexpr std::size_t parts = 8;
    double partial[parts] = {};
    std::size_t j = 0;
    for (; j + parts <= n; j += parts)
      for (std::size_t p = 0; p < parts; ++p) partial[p] += values[j + p];
    for (std::size_t p = 0; j < n; ++j, ++p) partial[p] += values[j];
    return std::accumulate(partial, partial + parts, 0.0);
  }

  /// Adds row sums to of_a and, of different sets, column sums to of_b.
  template <class X, class Y>
  void add(const VectorSet<X>& a, const VectorSet<Y>& b, std::vector<double>& of_a,
           std::vector<double>& of_b, bool same) const {
    std::vector<double> products(std::min(rows, a.count) * b.count);
    for (std::size_t first = 0; first < a.count; first += rows) {
      VectorSet<X> part = a;
      part.data += first * a.vector_stride;
      part.count = std::min(rows, a.count - first);
      std::fill(products.begin(), products.end(), 0.0);
      add_inner_products(part, b, products.data(), b.count);
      for (std::size_t i = 0; i < part.count; ++i) {
        double* const row = &products[i * b.count];
        evaluate(row, b.count);
        if (same) row[first + i] = 0;
        of_a[first + i] += sum(row, b.count);
        if (same) continue;
        for (std::size_t j = 0; j < b.count; ++j) of_b[j] += row[j];
      }
    }
  }

  /// The jackknife error of leaving out images of the set of `own` sums; `cross` are their sums
  /// with the other set, of `others` images.
  [[nodiscard]] static double error_of(const std::vector<double>& own,
                                       const std::vector<double>& cross, std::size_t others) {
    if (own.size() < 3) return std::numeric_limits<double>::quiet_NaN();
    const double own_sum = sum(own), cross_sum = sum(cross);
    std::vector<double> without;
    for (std::size_t i = 0; i < own.size(); ++i)
      without.push_back(within(own_sum - 2 * own[i], own.size() - 1) -
                        2 * (cross_sum - cross[i]) / (size(own.size() - 1) * size(others)));
    return jackknife_error(without);
  }

  PolynomialKernel kernel_;
  std::vector<double> xx_, xy_, yx_, yy_;
};

template <std::floating_point T>
[[nodiscard]] std::vector<double> chosen_rows(const Features<T>& x,
                                              std::span<const std::size_t> rows) {
  std::vector<double> chosen;
  chosen.reserve(rows.size() * x.dim);
  for (const std::size_t i : rows)
    for (const T value : x.row(i)) chosen.push_back(static_cast<double>(value));
  return chosen;
}

template <std::floating_point T, std::floating_point U>
void require_pair(const char* metric, const Features<T>& x, const Features<U>& y,
                  std::size_t minimum) {
  require_features(metric, "the first features", x, minimum);
  require_features(metric, "the second features", y, minimum);
  require_same_features(metric, "the first features", x.dim, x.extractor, "the second features",
                        y.dim, y.extractor);
}

inline void check(const PolynomialKernel& kernel) {
  require(kernel.degree >= 1, "kernel distance: the degree is ", kernel.degree,
          "; it must be at least 1");
  require(kernel.gamma >= 0 && std::isfinite(kernel.gamma) && std::isfinite(kernel.offset),
          "kernel distance: gamma is ", kernel.gamma, " and the offset ", kernel.offset,
          "; they must be finite, and gamma not negative");
}

}  // namespace detail

/// The unbiased estimate of all images, with a jackknife's standard error; its cost grows as n².
/// Throws Error for fewer than two images in a set, values that are not finite, and sets of
/// different features.
template <std::floating_point T, std::floating_point U>
[[nodiscard]] KernelDistance kernel_distance(const Features<T>& x, const Features<U>& y,
                                             const PolynomialKernel& kernel = {}) {
  detail::check(kernel);
  detail::require_pair("kernel distance", x, y, 2);
  const detail::KernelSums sums(detail::rows_of(x.values.data(), x.size(), x.dim),
                                detail::rows_of(y.values.data(), y.size(), y.dim), kernel);
  return {sums.estimate(), 0, sums.standard_error(), {sums.estimate()}};
}

/// The mean over random subsets. Throws Error as kernel_distance does, for 0 subsets, and where a
/// set has fewer than `subset_size` images under torch_fidelity.
template <std::floating_point T, std::floating_point U>
[[nodiscard]] KernelDistance kernel_distance_of_subsets(const Features<T>& x, const Features<U>& y,
                                                        const KernelDistanceOptions& o = {}) {
  detail::check(o.kernel);
  const bool first_set_first = o.rule == KernelSubsets::torch_fidelity;
  require(o.subsets > 0 && o.subset_size >= 2, "kernel distance: ", o.subsets, " subsets of ",
          o.subset_size, "; at least 1 subset of 2 images is required");
  detail::require_pair("kernel distance", x, y, first_set_first ? o.subset_size : 2);
  const std::size_t size = std::min({x.size(), y.size(), o.subset_size});
  NumpyRandom random(o.seed);
  KernelDistance found;
  for (std::size_t i = 0; i < o.subsets; ++i) {
    std::vector<double> of_x, of_y;
    if (!first_set_first) of_y = detail::chosen_rows(y, random.choice(y.size(), size));
    of_x = detail::chosen_rows(x, random.choice(x.size(), size));
    if (first_set_first) of_y = detail::chosen_rows(y, random.choice(y.size(), size));
    const detail::KernelSums sums(detail::rows_of(of_x.data(), size, x.dim),
                                  detail::rows_of(of_y.data(), size, x.dim), o.kernel);
    found.values.push_back(sums.estimate());
  }
  found.value = mean_of(found.values);
  found.standard_deviation = standard_deviation_of(found.values, 0);
  found.standard_error = std::numeric_limits<double>::quiet_NaN();
  return found;
}

/// tfgan's estimator (score_sde): the mean over ⌈max(n₁, n₂)/block⌉ blocks in the given order, the
/// larger ones last, with the standard error √(s²/blocks). Throws Error as kernel_distance does,
/// and where a block would have fewer than two images.
template <std::floating_point T, std::floating_point U>
[[nodiscard]] KernelDistance kernel_distance_of_blocks(const Features<T>& x, const Features<U>& y,
                                                       std::size_t block = 1024,
                                                       const PolynomialKernel& kernel = {}) {
  detail::check(kernel);
  require(block >= 2, "kernel distance: blocks of ", block, " images; they must have at least 2");
  detail::require_pair("kernel distance", x, y, 2);
  const std::size_t blocks = (std::max(x.size(), y.size()) + block - 1) / block;
  detail::require_pair("kernel distance", x, y, 2 * blocks);
  // The first blocks have ⌊n/blocks⌋ images, the last n mod blocks one more.
  const auto begin = [blocks](std::size_t n, std::size_t i) {
    const std::size_t small = blocks - n % blocks;
    return i * (n / blocks) + (i > small ? i - small : 0);
  };
  const auto part = [&begin](const auto& set, std::size_t i) {
    const std::size_t first = begin(set.size(), i), last = begin(set.size(), i + 1);
    return detail::rows_of(set.values.data() + first * set.dim, last - first, set.dim);
  };
  KernelDistance found;
  for (std::size_t i = 0; i < blocks; ++i)
    found.values.push_back(detail::KernelSums(part(x, i), part(y, i), kernel).estimate());
  found.value = mean_of(found.values);
  found.standard_deviation = standard_deviation_of(found.values, 0);
  found.standard_error = standard_error_of_mean(found.values);
  return found;
}

}  // namespace scoresde
