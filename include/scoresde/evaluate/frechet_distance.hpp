// SPDX-License-Identifier: MIT
/// Fréchet distance of two sets of features, of which each is taken as a normal distribution.
///
///   |μ₁ − μ₂|² + tr Σ₁ + tr Σ₂ − 2 tr √(Σ₁Σ₂),   tr √(Σ₁Σ₂) = Σ singular values of L₁ᵀL₂
///
/// for any factors Σᵢ = LᵢLᵢᵀ: the centered features over √(n − 1), or pivoted Cholesky factors of
/// the covariances. Heusel et al. 2017 (arXiv:1706.08500), equation 6; Dowson and Landau 1982. No
/// square root of a matrix is computed, so singular covariances, as of fewer images than
/// dimensions, cost no accuracy.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/evaluate/detail/nuclear_norm.hpp>
#include <scoresde/evaluate/detail/pivoted_cholesky.hpp>
#include <scoresde/evaluate/feature_statistics.hpp>
#include <scoresde/evaluate/features.hpp>

namespace scoresde {

/// A Fréchet distance and its terms. It is called FID only in Inception's features:
/// FeatureDescription::distance_name() has its name.
struct FrechetDistance {
  double value = 0;  ///< not negative
  double mean_term = 0, trace1 = 0, trace2 = 0;
  double trace_sqrt = 0;  ///< tr √(Σ₁Σ₂)
};

namespace detail {

/// Mean, trace of the covariance, and vectors f with Σ = Σ f fᵀ.
class CovarianceFactor {
 public:
  explicit CovarianceFactor(const FeatureMoments& moments)
      : mean_(moments.mean), cholesky_(std::in_place, moments.covariance, moments.dim()) {
    for (std::size_t i = 0; i < dim(); ++i) trace_ += moments.covariance[i * (dim() + 1)];
  }

  /// Where there are more images than dimensions, of their moments; else the centered rows.
  template <std::floating_point T>
  explicit CovarianceFactor(const Features<T>& x) {
    if (x.size() > x.dim) {
      *this = CovarianceFactor(feature_moments(x));
      return;
    }
    mean_.assign(x.dim, 0);
    for (std::size_t i = 0; i < x.size(); ++i)
      for (std::size_t k = 0; k < x.dim; ++k) mean_[k] += static_cast<double>(x.row(i)[k]);
    const auto n = static_cast<double>(x.size());
    for (double& value : mean_) value /= n;
    for (std::size_t i = 0; i < x.size(); ++i)
      for (std::size_t k = 0; k < x.dim; ++k)
        rows_.push_back((static_cast<double>(x.row(i)[k]) - mean_[k]) / std::sqrt(n - 1));
    for (const double value : rows_) trace_ += value * value;
  }

  [[nodiscard]] std::size_t dim() const { return mean_.size(); }
  [[nodiscard]] const std::vector<double>& mean() const { return mean_; }
  [[nodiscard]] double trace() const { return trace_; }
  [[nodiscard]] VectorSet<double> vectors() const {
    return cholesky_ ? cholesky_->columns() : rows_of(rows_.data(), rows_.size() / dim(), dim());
  }

 private:
  std::vector<double> mean_, rows_;
  std::optional<PivotedCholesky> cholesky_;
  double trace_ = 0;
};

[[nodiscard]] inline FrechetDistance frechet_distance(const CovarianceFactor& a,
                                                      const CovarianceFactor& b) {
  FrechetDistance found{.trace1 = a.trace(), .trace2 = b.trace()};
  for (std::size_t k = 0; k < a.dim(); ++k) {
    const double difference = a.mean()[k] - b.mean()[k];
    found.mean_term += difference * difference;
  }
  found.trace_sqrt = nuclear_norm_of_products(a.vectors(), b.vectors());
  const double value = found.mean_term + found.trace1 + found.trace2 - 2 * found.trace_sqrt;
  require(std::isfinite(value), "Fréchet distance: it is ", value,
          "; means and covariances must be within the range of double");
  found.value = std::max(0.0, value);
  return found;
}

inline void require_moments(const char* argument, const FeatureMoments& m) {
  const std::size_t d = m.dim();
  require(d > 0 && m.covariance.size() == d * d, "Fréchet distance: ", argument, " have a mean of ",
          d, " and a covariance of ", m.covariance.size(),
          " values; there must be d > 0 and d * d of them");
  require(m.count != 1, "Fréchet distance: ", argument, " are of 1 image; at least 2 are required");
  const auto finite = [](double value) { return std::isfinite(value); };
  require(std::all_of(m.mean.begin(), m.mean.end(), finite) &&
              std::all_of(m.covariance.begin(), m.covariance.end(), finite),
          "Fréchet distance: ", argument, " have values that are not finite");
  double largest = 0;
  for (std::size_t i = 0; i < d; ++i) largest = std::max(largest, m.covariance[i * d + i]);
  for (std::size_t i = 0; i < d; ++i) {
    // Covariances computed as E xxᵀ − μμᵀ can have slightly negative variances.
    require(m.covariance[i * d + i] >= -1e-9 * largest, "Fréchet distance: ", argument,
            " have the variance ", m.covariance[i * d + i], " of feature ", i,
            "; it must not be negative");
    for (std::size_t j = 0; j < i; ++j)
      require(std::abs(m.covariance[i * d + j] - m.covariance[j * d + i]) <= 1e-5 * largest,
              "Fréchet distance: ", argument, " have ", m.covariance[i * d + j], " and ",
              m.covariance[j * d + i], " as covariances of features ", i, " and ", j,
              "; the matrix must be symmetric");
  }
}

}  // namespace detail

/// Of two sets' moments, as of a file of reference statistics. Throws Error for moments of another
/// dimension or extractor, of one image, or that are not those of a distribution.
[[nodiscard]] inline FrechetDistance frechet_distance(const FeatureMoments& first,
                                                      const FeatureMoments& second) {
  detail::require_moments("the first moments", first);
  detail::require_moments("the second moments", second);
  require_same_features("Fréchet distance", "the first moments", first.dim(), first.extractor,
                        "the second moments", second.dim(), second.extractor);
  return detail::frechet_distance(detail::CovarianceFactor(first),
                                  detail::CovarianceFactor(second));
}

/// Of two sets of features. Throws Error for fewer than two images, values that are not finite, and
/// features of another dimension or extractor.
template <std::floating_point T, std::floating_point U>
[[nodiscard]] FrechetDistance frechet_distance(const Features<T>& first,
                                               const Features<U>& second) {
  require_features("Fréchet distance", "the first features", first, 2);
  require_features("Fréchet distance", "the second features", second, 2);
  require_same_features("Fréchet distance", "the first features", first.dim, first.extractor,
                        "the second features", second.dim, second.extractor);
  return detail::frechet_distance(detail::CovarianceFactor(first),
                                  detail::CovarianceFactor(second));
}

}  // namespace scoresde
