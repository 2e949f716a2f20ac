// SPDX-License-Identifier: MIT
/// Mean and covariance of features, accumulated in double over batches.
///
///   μ = Σ x/n,   S = Σ (x − μ)(x − μ)ᵀ,   Σ = S/(n − 1)
///   n_b more:  δ = μ_b − μ,   S ← S + S_b + δδᵀ n n_b/(n + n_b)
///
/// Chan, Golub and LeVeque 1983 (The American Statistician 37, 242), equation 2.1, for blocks of
/// 512 images, each centered on its own mean: stable for features far from 0.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/evaluate/detail/inner_products.hpp>
#include <scoresde/evaluate/features.hpp>

namespace scoresde {

/// What a Fréchet distance takes of a set of images: mean (d) and covariance (d × d, row-major,
/// denominator n − 1). `count` is 0 where a file does not contain n.
struct FeatureMoments {
  std::string extractor;
  std::uint64_t count = 0;
  std::vector<double> mean, covariance;

  [[nodiscard]] std::size_t dim() const { return mean.size(); }
};

/// What is stored to continue an accumulation later, bit-identically.
struct FeatureStatisticsState {
  std::string extractor;
  std::uint64_t count = 0;      ///< images in mean and scatter
  std::vector<double> mean;     ///< μ, d values
  std::vector<double> scatter;  ///< S, d × d; the lower triangle is used
  std::vector<double> pending;  ///< rows of features after those
};

/// Accumulates features. The result depends on their order alone, not on their division into
/// batches, nor on an interruption; merged parts agree to rounding.
class FeatureStatistics {
 public:
  /// Throws Error for dim = 0.
  explicit FeatureStatistics(std::size_t dim, std::string extractor = {})
      : FeatureStatistics({std::move(extractor),
                           0,
                           std::vector<double>(dim),
                           std::vector<double>(dim * dim),
                           {}}) {}

  /// Continues. Throws Error unless the sizes of the state match.
  explicit FeatureStatistics(FeatureStatisticsState state) : s_(std::move(state)) {
    const std::size_t d = dim();
    require(d > 0, "feature statistics: the dimension is 0; it must be positive");
    require(
        s_.scatter.size() == d * d && s_.pending.size() % d == 0 && s_.pending.size() < block * d,
        "feature statistics: a state of dimension ", d, " has a scatter of ", s_.scatter.size(),
        " and ", s_.pending.size(), " pending values; there must be ", d * d,
        " and whole rows of fewer than ", block, " images");
  }

  [[nodiscard]] std::size_t dim() const { return s_.mean.size(); }
  /// Number of images.
  [[nodiscard]] std::uint64_t count() const { return s_.count + s_.pending.size() / dim(); }
  [[nodiscard]] const std::string& extractor() const { return s_.extractor; }
  [[nodiscard]] const FeatureStatisticsState& state() const { return s_; }

  /// Appends images. Throws Error for features of another dimension or extractor, and for values
  /// that are not finite; nothing is appended then.
  template <std::floating_point T>
  void add(const Features<T>& x) {
    require_features("feature statistics", "the features", x, 0);
    require_same_features("feature statistics", "the statistics", dim(), s_.extractor,
                          "the features", x.dim, x.extractor);
    for (std::size_t i = 0; i < x.size();) {
      const std::size_t room = block - s_.pending.size() / dim();
      const std::size_t some = std::min(room, x.size() - i);
      const auto rows = x.values.subspan(i * dim(), some * dim());
      s_.pending.insert(s_.pending.end(), rows.begin(), rows.end());
      if (some == room) flush(s_);
      i += some;
    }
  }

  /// Appends the images of another accumulation, as of another rank. Throws Error for another
  /// dimension or extractor.
  void merge(const FeatureStatistics& other) {
    require_same_features("feature statistics", "the statistics", dim(), s_.extractor,
                          "the statistics to merge", other.dim(), other.s_.extractor);
    flush(s_);
    FeatureStatisticsState rest = other.s_;
    flush(rest);
    merge_moments(s_, rest.count, rest.mean, [&](double* scatter, std::size_t i) {
      for (std::size_t j = 0; j <= i; ++j) scatter[j] += rest.scatter[i * rest.mean.size() + j];
    });
  }

  /// Throws Error for fewer than two images.
  [[nodiscard]] FeatureMoments moments() const {
    require(count() >= 2, "feature statistics: they are of ", count(),
            " images; a covariance requires at least 2");
    FeatureStatisticsState all = s_;
    flush(all);
    const std::size_t d = dim();
    for (std::size_t i = 0; i < d; ++i)
      for (std::size_t j = 0; j <= i; ++j)
        all.scatter[j * d + i] = all.scatter[i * d + j] /= static_cast<double>(all.count - 1);
    return {std::move(all.extractor), all.count, std::move(all.mean), std::move(all.scatter)};
  }

 private:
  static constexpr std::size_t block = 512;

  /// Adds `count` images of a mean: add_scatter(row i of S, i) adds their own S_b.
  template <class AddScatter>
  static void merge_moments(FeatureStatisticsState& s, std::uint64_t count,
                            const std::vector<double>& mean, const AddScatter& add_scatter) {
    if (count == 0) return;
    const auto n = static_cast<double>(s.count), more = static_cast<double>(count);
    const double weight = n * more / (n + more);
    const std::size_t d = mean.size();
    std::vector<double> delta(d);
    for (std::size_t i = 0; i < d; ++i) delta[i] = mean[i] - s.mean[i];
    for (std::size_t i = 0; i < d; ++i) {
      double* const row = &s.scatter[i * d];
      add_scatter(row, i);
      for (std::size_t j = 0; j <= i; ++j) row[j] += delta[i] * delta[j] * weight;
    }
    for (std::size_t i = 0; i < d; ++i) s.mean[i] += delta[i] * (more / (n + more));
    s.count += count;
  }

  /// Row k: feature k of every image, minus its mean.
  [[nodiscard]] static std::vector<double> centered_rows(const std::vector<double>& x,
                                                         const std::vector<double>& mean) {
    constexpr std::size_t tile = 16;
    const std::size_t d = mean.size(), n = x.size() / d;
    std::vector<double> rows(x.size());
    for (std::size_t first = 0; first < d; first += tile)
      for (std::size_t i = 0; i < n; ++i)
        for (std::size_t k = first; k < std::min(first + tile, d); ++k)
          rows[k * n + i] = x[i * d + k] - mean[k];
    return rows;
  }

  /// Adds the pending images.
  static void flush(FeatureStatisticsState& s) {
    const std::size_t d = s.mean.size(), n = s.pending.size() / d;
    if (n == 0) return;
    std::vector<double> mean(d);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t k = 0; k < d; ++k) mean[k] += s.pending[i * d + k];
    for (double& value : mean) value /= static_cast<double>(n);
    const std::vector<double> rows = centered_rows(s.pending, mean);
    const auto centered = detail::rows_of(rows.data(), d, n);
    detail::add_inner_products(centered, centered, s.scatter.data(), d, detail::Products::lower);
    merge_moments(s, n, mean, [](double*, std::size_t) {});
    s.pending.clear();
  }

  FeatureStatisticsState s_;
};

/// The moments of a set of features. Throws Error as FeatureStatistics does.
template <std::floating_point T>
[[nodiscard]] FeatureMoments feature_moments(const Features<T>& x) {
  FeatureStatistics statistics(x.dim, std::string(x.extractor));
  statistics.add(x);
  return statistics.moments();
}

}  // namespace scoresde
