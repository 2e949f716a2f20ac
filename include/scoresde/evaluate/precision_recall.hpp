// SPDX-License-Identifier: MIT
/// Precision and recall, density and coverage of generated against real features.
///
///   B(a) = ball about a of the distance to its k-th nearest other sample of its own set
///   precision = share of generated samples in some B(real);   recall the converse
///   density   = Σ_generated |{real: generated ∈ B(real)}|/(k n);   coverage = share of real samples
///               whose B contains a generated one
///
/// Kynkäänniemi et al. 2019 (arXiv:1904.06991), section 2; Naeem et al. 2020 (arXiv:2002.09797),
/// equations 5 and 6. Distances are |a|² + |b|² − 2a·b with every product computed alike, so a
/// radius and the distance that it is of have the same bits, and ties are decided exactly.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/evaluate/detail/inner_products.hpp>
#include <scoresde/evaluate/features.hpp>
#include <scoresde/evaluate/standard_error.hpp>

namespace scoresde {

/// Whether a ball contains its boundary: closed in the paper of precision and recall and in
/// torch-fidelity, open in prdc and dgm-eval.
enum class BallBoundary : std::uint8_t { closed, open };

struct PrecisionRecallOptions {
  std::size_t neighbors = 3;  ///< k
  BallBoundary boundary = BallBoundary::closed;
};

/// A share or mean with its standard error over images, the balls held fixed.
struct ShareEstimate {
  double value = 0, standard_error = 0;
};

struct PrecisionRecall {
  ShareEstimate precision, recall, density, coverage;
  std::vector<double> real_radii, generated_radii;
};

namespace detail {

/// Squared distances of rows of one set to all rows of another, a few hundred rows at a time.
template <class A, class B>
class SquaredDistances {
 public:
  SquaredDistances(const VectorSet<A>& a, const VectorSet<B>& b)
      : a_(a), b_(b), a_norms_(squared_norms(a)), b_norms_(squared_norms(b)) {}

  /// use(i, row): the distances of a_i to every b.
  template <class Use>
  void for_each_row(const Use& use) const {
    std::vector<double> rows(std::min(step, a_.count) * b_.count);
    for (std::size_t first = 0; first < a_.count; first += step) {
      VectorSet<A> part = a_;
      part.data += first * a_.vector_stride;
      part.count = std::min(step, a_.count - first);
      std::fill(rows.begin(), rows.end(), 0.0);
      add_inner_products(part, b_, rows.data(), b_.count);
      for (std::size_t i = 0; i < part.count; ++i) {
        double* const row = &rows[i * b_.count];
        for (std::size_t j = 0; j < b_.count; ++j)
          row[j] = std::max(0.0, a_norms_[first + i] + b_norms_[j] - 2 * row[j]);
        use(first + i, row);
      }
    }
  }

 private:
  static constexpr std::size_t step = 288;

  VectorSet<A> a_;
  VectorSet<B> b_;
  std::vector<double> a_norms_, b_norms_;
};

/// Squared distances to the k-th nearest other sample: the (k + 1)-th smallest of a row, in which
/// the sample itself has distance 0.
template <class T>
[[nodiscard]] std::vector<double> squared_radii(const VectorSet<T>& set, std::size_t k) {
  std::vector<double> radii(set.count);
  SquaredDistances(set, set).for_each_row([&](std::size_t i, double* row) {
    std::nth_element(row, row + k, row + set.count);
    radii[i] = row[k];
  });
  return radii;
}

[[nodiscard]] inline ShareEstimate share_of(const std::vector<char>& inside) {
  const auto count = std::count(inside.begin(), inside.end(), 1);
  const double share = static_cast<double>(count) / static_cast<double>(inside.size());
  return {share, standard_error_of_share(share, inside.size())};
}

inline void take_roots(std::vector<double>& values) {
  for (double& value : values) value = std::sqrt(value);
}

}  // namespace detail

/// Throws Error for k = 0, sets of at most k images, values that are not finite, and sets of
/// different features.
template <std::floating_point T, std::floating_point U>
[[nodiscard]] PrecisionRecall precision_recall(const Features<T>& real,
                                               const Features<U>& generated,
                                               const PrecisionRecallOptions& options = {}) {
  constexpr const char* metric = "precision and recall";
  const std::size_t k = options.neighbors;
  require(k > 0, metric, ": neighbors is 0; it must be at least 1");
  require_features(metric, "the real features", real, k + 1);
  require_features(metric, "the generated features", generated, k + 1);
  require_same_features(metric, "the real features", real.dim, real.extractor,
                        "the generated features", generated.dim, generated.extractor);
  const auto r = detail::rows_of(real.values.data(), real.size(), real.dim);
  const auto g = detail::rows_of(generated.values.data(), generated.size(), generated.dim);
  PrecisionRecall found;
  found.real_radii = detail::squared_radii(r, k);
  found.generated_radii = detail::squared_radii(g, k);
  const auto inside = [&](double distance, double radius) {
    return distance < radius || (options.boundary == BallBoundary::closed && distance == radius);
  };
  std::vector<char> in_real(g.count), in_generated(r.count), covered(r.count);
  std::vector<double> balls(g.count);  // of real samples around each generated one, over k
  detail::SquaredDistances(r, g).for_each_row([&](std::size_t i, const double* row) {
    for (std::size_t j = 0; j < g.count; ++j) {
      if (inside(row[j], found.real_radii[i])) {
        covered[i] = in_real[j] = 1;
        balls[j] += 1 / static_cast<double>(k);
      }
      if (inside(row[j], found.generated_radii[j])) in_generated[i] = 1;
    }
  });
  found.precision = detail::share_of(in_real);
  found.recall = detail::share_of(in_generated);
  found.coverage = detail::share_of(covered);
  found.density = {mean_of(balls), standard_error_of_mean(balls)};
  detail::take_roots(found.real_radii);
  detail::take_roots(found.generated_radii);
  return found;
}

}  // namespace scoresde
