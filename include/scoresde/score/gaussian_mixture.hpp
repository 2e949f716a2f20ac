// SPDX-License-Identifier: MIT
/// The exact score of a mixture of Gaussians.
///
///   p_t = Σⱼ wⱼ N(mμⱼ, diag(m²vⱼ + s²)),   rⱼ = wⱼ Nⱼ(x)/p_t(x),   sⱼ = −(x − mμⱼ)/(m²vⱼ + s²)
///   ∇log p_t(x) = Σⱼ rⱼ sⱼ,   ∇²log p_t(x) = Σⱼ rⱼ (sⱼsⱼᵀ − diag(1/(m²vⱼ + s²))) − s sᵀ
///
/// From Song et al. 2021 (arXiv:2011.13456), eq. 29, component by component. Responsibilities are
/// computed by log-sum-exp, so that no component underflows to 0/0.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <limits>
#include <numbers>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <scoresde/score/gaussian.hpp>

namespace scoresde {

/// Models PerSampleDifferentiableScoreModel; F is the score itself. Not thread-safe, as it has
/// scratch memory: use a copy per thread.
template <class S>
class GaussianMixture {
  static_assert(!std::same_as<S, std::vector<double>>,
                "GaussianMixture: the SDE is missing; it takes (sde, weights, means, variances)");
  static_assert(std::same_as<S, std::vector<double>> || SdeArgument<S>::checked);

 public:
  /// K weights (normalized here), K means of dimension d in rows, and K variances (isotropic) or
  /// K×d (diagonal). Throws Error for other sizes, weights or variances that are negative or not
  /// finite, and weights that are all zero.
  GaussianMixture(S sde, std::vector<double> weights, std::vector<double> means,
                  std::vector<double> variances)
      : sde_(std::move(sde)),
        weights_(std::move(weights)),
        means_(std::move(means)),
        variances_(std::move(variances)) {
    const std::size_t count = weights_.size();
    require(count > 0 && !means_.empty() && means_.size() % count == 0,
            "gaussian mixture: ", means_.size(), " elements of means given for ", count,
            " weights; each component needs the same number, at least 1");
    dim_ = means_.size() / count;
    require(variances_.size() == count || variances_.size() == means_.size(),
            "gaussian mixture: ", variances_.size(), " variances given; ", count, " or ",
            means_.size(), " are needed");
    double sum = 0;
    for (const double w : weights_) {
      require(std::isfinite(w) && w >= 0, "gaussian mixture: a weight is ", w,
              "; it must be finite and nonnegative");
      sum += w;
    }
    require(sum > 0, "gaussian mixture: all weights are 0; at least one must be positive");
    for (double& w : weights_) w /= sum;
    for (const double v : variances_)
      require(std::isfinite(v) && v >= 0, "gaussian mixture: a variance is ", v,
              "; it must be finite and nonnegative");
    if (variances_.size() != means_.size()) spread_variances();
    log_norm_.resize(count);
    posterior_.resize(count);
    precision_.resize(means_.size());
    score_.resize(dim_);
    product_.resize(dim_);
  }

  /// Does not compile: the SDE or the variances are missing.
  template <class Sde = S>
  GaussianMixture(S, std::vector<double>, std::vector<double>) {
    static_assert(!std::same_as<Sde, S>,
                  "GaussianMixture: the variances are missing; it takes (sde, weights, means, "
                  "variances)");
  }

  [[nodiscard]] std::size_t dim() const { return dim_; }
  [[nodiscard]] std::size_t components() const { return weights_.size(); }
  [[nodiscard]] const S& sde() const { return sde_; }
  [[nodiscard]] ScoreForm score_form(double) const { return {0, 1}; }

  /// output ← ∇log p_t(x). Throws Error for x of another dimension.
  template <ContiguousState X>
  void evaluate(const X& x, double t, X& output) {
    check(x);
    set_time(t);
    for (std::size_t k = 0; k < extents(x).samples; ++k) write_score(x, k, output);
  }
  /// The same with a time per sample.
  template <ContiguousState X>
  void evaluate(const X& x, std::span<const double> times, X& output) {
    check(x);
    for (std::size_t k = 0; k < times.size(); ++k) {
      set_time(times[k]);
      write_score(x, k, output);
    }
  }
  /// vjp ← vᵀ ∂score/∂x, a symmetric map.
  template <ContiguousState X>
  void vjp(const X& x, double t, const X& v, X& vjp) {
    check(x);
    set_time(t);
    for (std::size_t k = 0; k < extents(x).samples; ++k) write_product(x, k, v, vjp);
  }
  /// The same with a time per sample.
  template <ContiguousState X>
  void vjp(const X& x, std::span<const double> times, const X& v, X& vjp) {
    check(x);
    for (std::size_t k = 0; k < times.size(); ++k) {
      set_time(times[k]);
      write_product(x, k, v, vjp);
    }
  }
  /// per_sample[k] ← tr ∂score/∂x.
  template <ContiguousState X>
  void trace(const X& x, double t, std::span<double> per_sample) {
    check(x);
    set_time(t);
    for (std::size_t k = 0; k < extents(x).samples; ++k)
      per_sample[k] = trace_of(x.data() + k * dim_);
  }
  /// The same with a time per sample.
  template <ContiguousState X>
  void trace(const X& x, std::span<const double> times, std::span<double> per_sample) {
    check(x);
    for (std::size_t k = 0; k < times.size(); ++k) {
      set_time(times[k]);
      per_sample[k] = trace_of(x.data() + k * dim_);
    }
  }

  /// log p_t(x) of one point.
  [[nodiscard]] double log_density(std::span<const double> x, double t) {
    require(x.size() == dim_, "gaussian mixture: the point has dimension ", x.size(),
            "; it must be ", dim_);
    set_time(t);
    return responsibilities(x.data());
  }
  /// The mean of p_t.
  [[nodiscard]] std::vector<double> marginal_mean(double t) const {
    const double m = sde_.marginal_prob(t).mean;
    std::vector<double> mean(dim_);
    for (std::size_t j = 0; j < components(); ++j)
      for (std::size_t e = 0; e < dim_; ++e) mean[e] += weights_[j] * m * means_[j * dim_ + e];
    return mean;
  }
  /// The covariance of p_t, d×d in row-major order.
  [[nodiscard]] std::vector<double> marginal_covariance(double t) const {
    const MarginalProb p = sde_.marginal_prob(t);
    const std::vector<double> mean = marginal_mean(t);
    std::vector<double> covariance(dim_ * dim_);
    for (std::size_t j = 0; j < components(); ++j) {
      const double* mu = means_.data() + j * dim_;
      for (std::size_t a = 0; a < dim_; ++a)
        for (std::size_t b = 0; b < dim_; ++b)
          covariance[a * dim_ + b] +=
              weights_[j] * (p.mean * mu[a] - mean[a]) * (p.mean * mu[b] - mean[b]);
      for (std::size_t a = 0; a < dim_; ++a)
        covariance[a * dim_ + a] +=
            weights_[j] * (p.mean * p.mean * variances_[j * dim_ + a] + p.std * p.std);
    }
    return covariance;
  }

 private:
  template <class X>
  void check(const X& x) const {
    require(extents(x).dim == dim_, "gaussian mixture: the state has dimension ", extents(x).dim,
            "; it must be ", dim_);
  }
  void spread_variances() {
    std::vector<double> spread;
    for (const double v : variances_) spread.insert(spread.end(), dim_, v);
    variances_ = std::move(spread);
  }
  /// Precisions and log wⱼ − ½ log det(2π Cⱼ) at t.
  void set_time(double t) {
    const MarginalProb p = sde_.marginal_prob(t);
    factor_ = p.mean;
    for (std::size_t j = 0; j < components(); ++j) {
      log_norm_[j] = std::log(weights_[j]);
      for (std::size_t e = j * dim_; e < (j + 1) * dim_; ++e) {
        const double variance = p.mean * p.mean * variances_[e] + p.std * p.std;
        precision_[e] = 1 / variance;
        log_norm_[j] -= 0.5 * std::log(2 * std::numbers::pi * variance);
      }
    }
  }
  /// Writes rⱼ and returns log p_t(x).
  template <class T>
  double responsibilities(const T* x) {
    double largest = -std::numeric_limits<double>::infinity();
    for (std::size_t j = 0; j < components(); ++j) {
      double exponent = 0;
      for (std::size_t e = 0; e < dim_; ++e) {
        const double off = static_cast<double>(x[e]) - factor_ * means_[j * dim_ + e];
        exponent += off * off * precision_[j * dim_ + e];
      }
      posterior_[j] = log_norm_[j] - 0.5 * exponent;
      largest = std::max(largest, posterior_[j]);
    }
    double sum = 0;
    for (double& r : posterior_) sum += r = std::exp(r - largest);
    for (double& r : posterior_) r /= sum;
    return largest + std::log(sum);
  }
  template <class T>
  [[nodiscard]] double component_score(std::size_t j, const T* x, std::size_t e) const {
    return -(static_cast<double>(x[e]) - factor_ * means_[j * dim_ + e]) * precision_[j * dim_ + e];
  }
  template <class T>
  void score(const T* x) {
    responsibilities(x);
    std::fill(score_.begin(), score_.end(), 0.0);
    for (std::size_t j = 0; j < components(); ++j)
      for (std::size_t e = 0; e < dim_; ++e) score_[e] += posterior_[j] * component_score(j, x, e);
  }
  template <class X>
  void write_score(const X& x, std::size_t k, X& output) {
    const auto* point = x.data() + k * dim_;
    score(point);
    for (std::size_t e = 0; e < dim_; ++e)
      output.data()[k * dim_ + e] = static_cast<std::remove_cvref_t<decltype(*point)>>(score_[e]);
  }
  template <class X>
  void write_product(const X& x, std::size_t k, const X& v, X& vjp) {
    const auto* point = x.data() + k * dim_;
    const auto* vector = v.data() + k * dim_;
    score(point);
    std::fill(product_.begin(), product_.end(), 0.0);
    double along = 0;
    for (std::size_t e = 0; e < dim_; ++e) along += score_[e] * static_cast<double>(vector[e]);
    for (std::size_t j = 0; j < components(); ++j) add_curvature(j, point, vector);
    for (std::size_t e = 0; e < dim_; ++e)
      vjp.data()[k * dim_ + e] =
          static_cast<std::remove_cvref_t<decltype(*point)>>(product_[e] - along * score_[e]);
  }
  /// Σⱼ rⱼ (‖sⱼ‖² − Σₑ 1/Cⱼₑ) − ‖s‖².
  template <class T>
  [[nodiscard]] double trace_of(const T* x) {
    score(x);
    double sum = 0;
    for (std::size_t e = 0; e < dim_; ++e) sum -= score_[e] * score_[e];
    for (std::size_t j = 0; j < components(); ++j)
      for (std::size_t e = 0; e < dim_; ++e) {
        const double s = component_score(j, x, e);
        sum += posterior_[j] * (s * s - precision_[j * dim_ + e]);
      }
    return sum;
  }
  /// product += rⱼ (sⱼ (sⱼ·v) − v/Cⱼ).
  template <class T>
  void add_curvature(std::size_t j, const T* x, const T* v) {
    double along = 0;
    for (std::size_t e = 0; e < dim_; ++e)
      along += component_score(j, x, e) * static_cast<double>(v[e]);
    for (std::size_t e = 0; e < dim_; ++e)
      product_[e] += posterior_[j] * (component_score(j, x, e) * along -
                                      static_cast<double>(v[e]) * precision_[j * dim_ + e]);
  }

  S sde_;
  std::vector<double> weights_, means_, variances_;
  std::vector<double> log_norm_, posterior_, precision_, score_, product_;
  std::size_t dim_ = 0;
  double factor_ = 1;
};

/// Reports the missing SDE, also for lists in braces.
GaussianMixture(std::vector<double>, std::vector<double>, std::vector<double>)
    ->GaussianMixture<std::vector<double>>;

}  // namespace scoresde
