// SPDX-License-Identifier: MIT
/// Models that the likelihood tests share.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/score/score_model.hpp>
#include <scoresde/sde/sde.hpp>

namespace likelihood_models {

/// A model without its trace.
template <class M>
struct Untraced {
  M& model;

  scoresde::ScoreForm score_form(double t) const { return model.score_form(t); }
  template <class X, class T>
  void evaluate(const X& x, T t, X& output) {
    model.evaluate(x, t, output);
  }
  template <class X, class T>
  void vjp(const X& x, T t, const X& v, X& out) {
    model.vjp(x, t, v, out);
  }
};

/// Counts the calls of a model.
template <class M>
struct Counted {
  M& model;
  std::size_t evaluations = 0, products = 0;

  scoresde::ScoreForm score_form(double t) const { return model.score_form(t); }
  template <class X, class T>
  void evaluate(const X& x, T t, X& output) {
    ++evaluations;
    model.evaluate(x, t, output);
  }
  template <class X, class T>
  void vjp(const X& x, T t, const X& v, X& out) {
    ++products;
    model.vjp(x, t, v, out);
  }
};

/// Data N(0, H diag(λ) H) with the reflection H = I − 2uuᵀ, ‖u‖ = 1: a dense covariance in O(dim)
/// per product, for dimensions where a matrix is too large.
template <class S>
class ReflectedGaussian {
 public:
  ReflectedGaussian(S sde, std::vector<double> variances)
      : sde_(std::move(sde)), variances_(std::move(variances)), work_(variances_.size()) {}

  scoresde::ScoreForm score_form(double) const { return {0, 1}; }
  template <class X>
  void evaluate(const X& x, double t, X& output) {
    product(x, t, output);
  }
  template <class X>
  void vjp(const X&, double t, const X& v, X& out) {
    product(v, t, out);
  }
  template <class X>
  void trace(const X&, double t, std::span<double> per_sample) const {
    double sum = 0;
    for (std::size_t e = 0; e < variances_.size(); ++e) sum -= 1 / variance(e, t);
    for (double& value : per_sample) value = sum;
  }
  double log_density(std::span<const double> x, double t) {
    reflect(x.data());
    double sum = 0;
    for (std::size_t e = 0; e < work_.size(); ++e)
      sum -= 0.5 * (std::log(2 * std::numbers::pi * variance(e, t)) +
                    work_[e] * work_[e] / variance(e, t));
    return sum;
  }

 private:
  double variance(std::size_t e, double t) const {
    const auto p = sde_.marginal_prob(t);
    return p.mean * p.mean * variances_[e] + p.std * p.std;
  }
  /// work ← Hx with u = (1, …, 1)/√dim.
  void reflect(const double* x) {
    double sum = 0;
    for (std::size_t e = 0; e < work_.size(); ++e) sum += x[e];
    for (std::size_t e = 0; e < work_.size(); ++e)
      work_[e] = x[e] - 2 * sum / static_cast<double>(work_.size());
  }
  template <class X>
  void product(const X& x, double t, X& out) {
    for (std::size_t k = 0; k < scoresde::extents(x).samples; ++k) {
      reflect(x[k].data());
      for (std::size_t e = 0; e < work_.size(); ++e) work_[e] /= -variance(e, t);
      const std::vector<double> scaled = work_;
      reflect(scaled.data());
      for (std::size_t e = 0; e < work_.size(); ++e) out(k, e) = work_[e];
    }
  }

  S sde_;
  std::vector<double> variances_, work_;
};

}  // namespace likelihood_models
