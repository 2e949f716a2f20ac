// SPDX-License-Identifier: MIT
/// The exact score of Gaussian data, with its density, flow map and moments in closed form.
///
///   x₀ ~ N(μ, C),  C = Qᵀ diag(λ) Q   ⇒   p_t = N(mμ, Qᵀ diag(m²λ + s²) Q)
///   ∇log p_t(x) = −Qᵀ diag(1/(m²λ + s²)) Q (x − mμ),   m, s = marginal_prob(t)
///   flow from t to u:  x ↦ m_u μ + Qᵀ diag(√((m_u²λ + s_u²)/(m_t²λ + s_t²))) Q (x − m_t μ)
///
/// From Song et al. 2021 (arXiv:2011.13456), eq. 29 and 13. The flow map solves d√v/dt = (f +
/// g²/2v)√v with v' = 2fv + g², which holds for every linear SDE.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <numbers>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <scoresde/not_deduced.hpp>
#include <scoresde/score/score_model.hpp>
#include <scoresde/score/symmetric_eigen.hpp>
#include <scoresde/sde/sde.hpp>

namespace scoresde {

/// A state whose elements are in host memory, in the order that Extents defines.
template <class X>
concept ContiguousState = State<X> && requires(X& x, const X& y) {
  {*x.data() = *y.data()};
  requires std::floating_point<std::remove_cvref_t<decltype(*y.data())>>;
};

/// Models PerSampleDifferentiableScoreModel; F is the score itself. Not thread-safe, as it has
/// scratch memory: use a copy per thread.
template <class S>
class Gaussian {
  static_assert(deduced<S>,
                "Gaussian: an argument is missing or not in its place; it takes (sde, mean, "
                "covariance), both std::vector<double>, such as Gaussian(sde, {0, 0}, {1, 1})");
  static_assert(!std::same_as<S, std::vector<double>>,
                "Gaussian: the SDE is missing; it takes (sde, mean, covariance)");
  static_assert(std::same_as<S, std::vector<double>> || SdeArgument<S>::checked);

 public:
  /// `covariance` holds d variances, or the d×d matrix in row-major order. Throws Error for other
  /// sizes, a matrix that is not symmetric, and covariances that are not finite and positive
  /// semidefinite.
  Gaussian(S sde, std::vector<double> mean, std::vector<double> covariance)
      : sde_(std::move(sde)), mean_(std::move(mean)), rotated_(mean_.size()), scale_(mean_.size()) {
    const std::size_t d = mean_.size();
    require(d > 0 && (covariance.size() == d || covariance.size() == d * d),
            "gaussian: ", covariance.size(), " covariances given for dimension ", d,
            "; d variances or a d x d matrix are needed");
    for (const double c : covariance)
      require(std::isfinite(c), "gaussian: a covariance is ", c, "; it must be finite");
    if (covariance.size() == d) {
      eigenvalues_ = std::move(covariance);
    } else {
      check_symmetric(covariance);
      auto decomposition = symmetric_eigen(std::move(covariance), d);
      eigenvalues_ = std::move(decomposition.values);
      rotation_ = std::move(decomposition.vectors);
    }
    double largest = 0;
    for (const double v : eigenvalues_) largest = std::max(largest, std::abs(v));
    for (double& v : eigenvalues_) {
      require(v >= -1e-12 * largest, "gaussian: the covariance has the eigenvalue ", v,
              "; it must be nonnegative");
      v = std::max(v, 0.0);
    }
  }

  /// Does not compile: the SDE or the covariance is missing.
  template <class Sde = S>
  Gaussian(S, std::vector<double>) {
    static_assert(!std::same_as<Sde, S>,
                  "Gaussian: the covariance is missing; it takes (sde, mean, covariance)");
  }

  [[nodiscard]] std::size_t dim() const { return mean_.size(); }
  [[nodiscard]] const S& sde() const { return sde_; }
  [[nodiscard]] ScoreForm score_form(double) const { return {0, 1}; }

  /// output ← ∇log p_t(x). Throws Error for x of another dimension.
  template <ContiguousState X>
  void evaluate(const X& x, double t, X& output) {
    check(x);
    set_score(t);
    for (std::size_t k = 0; k < extents(x).samples; ++k)
      map(x.data() + k * dim(), factor_, output.data() + k * dim(), 0);
  }
  /// The same with a time per sample.
  template <ContiguousState X>
  void evaluate(const X& x, std::span<const double> times, X& output) {
    check(x);
    for (std::size_t k = 0; k < times.size(); ++k) {
      set_score(times[k]);
      map(x.data() + k * dim(), factor_, output.data() + k * dim(), 0);
    }
  }
  /// vjp ← vᵀ ∂score/∂x, a symmetric map.
  template <ContiguousState X>
  void vjp(const X& x, double t, const X& v, X& vjp) {
    check(x);
    set_score(t);
    for (std::size_t k = 0; k < extents(x).samples; ++k)
      map(v.data() + k * dim(), 0, vjp.data() + k * dim(), 0);
  }
  /// The same with a time per sample.
  template <ContiguousState X>
  void vjp(const X& x, std::span<const double> times, const X& v, X& vjp) {
    check(x);
    for (std::size_t k = 0; k < times.size(); ++k) {
      set_score(times[k]);
      map(v.data() + k * dim(), 0, vjp.data() + k * dim(), 0);
    }
  }
  /// per_sample[k] ← tr ∂score/∂x.
  template <ContiguousState X>
  void trace(const X& x, double t, std::span<double> per_sample) {
    check(x);
    std::fill(per_sample.begin(), per_sample.end(), trace_at(t));
  }
  /// The same with a time per sample.
  template <ContiguousState X>
  void trace(const X& x, std::span<const double> times, std::span<double> per_sample) {
    check(x);
    for (std::size_t k = 0; k < times.size(); ++k) per_sample[k] = trace_at(times[k]);
  }

  /// out ← the exact probability flow map of x from time t to time u; out may alias x.
  template <ContiguousState X>
  void flow(const X& x, double t, double u, X& out) {
    check(x);
    const MarginalProb from = sde_.marginal_prob(t), to = sde_.marginal_prob(u);
    for (std::size_t i = 0; i < dim(); ++i)
      scale_[i] = std::sqrt(variance(i, to) / variance(i, from));
    for (std::size_t k = 0; k < extents(x).samples; ++k)
      map(x.data() + k * dim(), from.mean, out.data() + k * dim(), to.mean);
  }

  /// log p_t(x) of one point.
  [[nodiscard]] double log_density(std::span<const double> x, double t) {
    require(x.size() == dim(), "gaussian: the point has dimension ", x.size(), "; it must be ",
            dim());
    const MarginalProb p = sde_.marginal_prob(t);
    rotate(x.data(), p.mean);
    double sum = -0.5 * static_cast<double>(dim()) * std::log(2 * std::numbers::pi);
    for (std::size_t i = 0; i < dim(); ++i)
      sum -= 0.5 * (std::log(variance(i, p)) + rotated_[i] * rotated_[i] / variance(i, p));
    return sum;
  }
  /// The mean of p_t.
  [[nodiscard]] std::vector<double> marginal_mean(double t) const {
    std::vector<double> mean = mean_;
    for (double& value : mean) value *= sde_.marginal_prob(t).mean;
    return mean;
  }
  /// The covariance of p_t, d×d in row-major order.
  [[nodiscard]] std::vector<double> marginal_covariance(double t) const {
    const std::size_t d = dim();
    const MarginalProb p = sde_.marginal_prob(t);
    std::vector<double> covariance(d * d);
    for (std::size_t l = 0; l < d; ++l)
      for (std::size_t i = 0; i < d; ++i)
        for (std::size_t j = 0; j < d; ++j)
          covariance[i * d + j] += basis(l, i) * variance(l, p) * basis(l, j);
    return covariance;
  }

 private:
  template <class X>
  void check(const X& x) const {
    require(extents(x).dim == dim(), "gaussian: the state has dimension ", extents(x).dim,
            "; it must be ", dim());
  }
  void check_symmetric(const std::vector<double>& c) const {
    for (std::size_t i = 0; i < dim(); ++i)
      for (std::size_t j = 0; j < i; ++j) {
        const double a = c[i * dim() + j], b = c[j * dim() + i];
        require(std::abs(a - b) <= 1e-12 * (std::abs(a) + std::abs(b)), "gaussian: covariance (", i,
                ", ", j, ") is ", a, " and (", j, ", ", i, ") ", b,
                "; the matrix must be symmetric");
      }
  }

  [[nodiscard]] double basis(std::size_t row, std::size_t column) const {
    if (rotation_.empty()) return row == column ? 1 : 0;
    return rotation_[row * dim() + column];
  }
  [[nodiscard]] double variance(std::size_t i, MarginalProb p) const {
    return p.mean * p.mean * eigenvalues_[i] + p.std * p.std;
  }
  void set_score(double t) {
    const MarginalProb p = sde_.marginal_prob(t);
    factor_ = p.mean;
    for (std::size_t i = 0; i < dim(); ++i) scale_[i] = -1 / variance(i, p);
  }
  [[nodiscard]] double trace_at(double t) {
    set_score(t);
    double sum = 0;
    for (const double scale : scale_) sum += scale;
    return sum;
  }

  /// rotated ← Q(x − m·μ).
  template <class T>
  void rotate(const T* x, double m) {
    const std::size_t d = dim();
    for (std::size_t i = 0; i < d; ++i) {
      if (rotation_.empty()) {
        rotated_[i] = static_cast<double>(x[i]) - m * mean_[i];
        continue;
      }
      double sum = 0;
      for (std::size_t j = 0; j < d; ++j)
        sum += rotation_[i * d + j] * (static_cast<double>(x[j]) - m * mean_[j]);
      rotated_[i] = sum;
    }
  }
  /// out ← n·μ + Qᵀ diag(scale) Q (x − m·μ).
  template <class T>
  void map(const T* x, double m, T* out, double n) {
    const std::size_t d = dim();
    rotate(x, m);
    for (std::size_t i = 0; i < d; ++i) rotated_[i] *= scale_[i];
    for (std::size_t j = 0; j < d; ++j) {
      double sum = rotation_.empty() ? rotated_[j] : 0;
      if (!rotation_.empty())
        for (std::size_t i = 0; i < d; ++i) sum += rotation_[i * d + j] * rotated_[i];
      out[j] = static_cast<T>(n * mean_[j] + sum);
    }
  }

  S sde_;
  std::vector<double> mean_, eigenvalues_, rotation_, rotated_, scale_;
  double factor_ = 1;
};

/// Reports the missing SDE, also for lists in braces.
Gaussian(std::vector<double>, std::vector<double>)->Gaussian<std::vector<double>>;

/// Reports other arguments.
Gaussian(...)->Gaussian<NotDeduced>;

}  // namespace scoresde
