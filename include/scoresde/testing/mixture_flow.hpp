// SPDX-License-Identifier: MIT
/// The exact probability flow of a one-dimensional Gaussian mixture.
///
///   F_t(x) = Σⱼ wⱼ Φ((x − mμⱼ)/√(m²vⱼ + s²)),   x_t ↦ x_u = F_u⁻¹(F_t(x_t))
///
/// The flow maps p_t to p_u and, in one dimension, preserves the order of points, so it is the
/// monotone rearrangement of one into the other. Song et al. 2021 (arXiv:2011.13456), section 4.3;
/// Villani, Topics in Optimal Transportation, theorem 2.18.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>
#include <type_traits>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/score/gaussian.hpp>
#include <scoresde/sde/sde.hpp>

namespace scoresde::testing {

/// The flow of a GaussianMixture of dimension 1, from its cumulative distribution function.
template <Sde S>
class MixtureFlow {
 public:
  /// Weights (normalized here), means and variances of the components. Throws Error for different
  /// sizes, and for weights and variances that are not positive.
  MixtureFlow(S sde, std::vector<double> weights, std::vector<double> means,
              std::vector<double> variances)
      : sde_(std::move(sde)),
        weights_(std::move(weights)),
        means_(std::move(means)),
        variances_(std::move(variances)) {
    require(!weights_.empty() && means_.size() == weights_.size() &&
                variances_.size() == weights_.size(),
            "mixture flow: ", weights_.size(), " weights, ", means_.size(), " means and ",
            variances_.size(), " variances given; each component needs one of each");
    double sum = 0;
    for (std::size_t j = 0; j < weights_.size(); ++j) {
      require(weights_[j] > 0 && variances_[j] > 0, "mixture flow: component ", j,
              " has the weight ", weights_[j], " and the variance ", variances_[j],
              "; both must be positive");
      sum += weights_[j];
    }
    for (double& w : weights_) w /= sum;
  }

  [[nodiscard]] const S& sde() const { return sde_; }

  /// P(x_t ≤ x).
  [[nodiscard]] double cdf(double x, double t) const { return tails(x, t).below; }

  /// The x with cdf(x, t) = u, 0 < u < 1.
  [[nodiscard]] double quantile(double u, double t) const {
    scoresde::require(u > 0 && u < 1, "mixture flow: u is ", u, "; it must lie in (0, 1)");
    return inverse({u, 1 - u, 0}, t);
  }

  /// out ← the flow map of x from time t to time u; out may alias x.
  template <ContiguousState X>
  void flow(const X& x, double t, double u, X& out) const {
    for (std::size_t i = 0; i < extents(x).size(); ++i)
      out.data()[i] = static_cast<std::remove_cvref_t<decltype(*x.data())>>(
          inverse(tails(static_cast<double>(x.data()[i]), t), u));
  }

 private:
  /// The density and both tails, each computed directly to avoid cancellation.
  struct Tails {
    double below = 0, above = 0, density = 0;
  };

  [[nodiscard]] Tails tails(double x, double t) const {
    const MarginalProb p = sde_.marginal_prob(t);
    Tails sum;
    for (std::size_t j = 0; j < weights_.size(); ++j) {
      const double std = std::sqrt(p.mean * p.mean * variances_[j] + p.std * p.std);
      const double z = (x - p.mean * means_[j]) / (std::numbers::sqrt2 * std);
      sum.below += 0.5 * weights_[j] * std::erfc(-z);
      sum.above += 0.5 * weights_[j] * std::erfc(z);
      sum.density += weights_[j] * std::exp(-z * z) / (std * std::sqrt(2 * std::numbers::pi));
    }
    return sum;
  }

  /// The x at time t with these tails, by bracketed Newton iteration.
  [[nodiscard]] double inverse(const Tails& wanted, double t) const {
    const MarginalProb p = sde_.marginal_prob(t);
    double low = std::numeric_limits<double>::infinity(), high = -low;
    for (std::size_t j = 0; j < weights_.size(); ++j) {
      const double reach = 40 * std::sqrt(p.mean * p.mean * variances_[j] + p.std * p.std);
      low = std::min(low, p.mean * means_[j] - reach);
      high = std::max(high, p.mean * means_[j] + reach);
    }
    double x = 0.5 * (low + high);
    for (int iteration = 0; iteration < 200; ++iteration) {
      const Tails now = tails(x, t);
      const double excess =
          wanted.below < wanted.above ? now.below - wanted.below : wanted.above - now.above;
      (excess > 0 ? high : low) = x;
      double next = x - excess / now.density;
      if (!(next > low && next < high)) next = 0.5 * (low + high);
      if (std::abs(next - x) <= 2e-16 * (std::abs(x) + p.std)) return next;
      x = next;
    }
    return x;
  }

  S sde_;
  std::vector<double> weights_, means_, variances_;
};

}  // namespace scoresde::testing
