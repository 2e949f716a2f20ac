// SPDX-License-Identifier: MIT
/// The likelihood of a measurement under a Gaussian around the predicted image.
///
///   log p̃(y | x_t) = log N(y; A x̂₀(x_t), r² A Aᵀ + σ_y² I),   r² = v std²/(v mean² + std²)
///   ∇ log p̃ ≈ Jᵀ V diag(s/(r² s² + σ_y²)) Uᵀ (y − A x̂₀)
///
/// Song et al. 2023 (ΠGDM, ICLR), section 3: r² is Var[x₀ | x_t] of data N(0, v I), and v = 1 is
/// their choice. The gradient is exact for such data. The dependence of r on x is neglected.
///
/// Stability: along a direction in which the data have variance λ, J = λ mean/(λ mean² + std²), and
/// the guidance has the curvature J²/r² ≤ (1 + λ/(4v))/std², or 1/std² at most if v ≥ λ, as log p_t
/// itself. Images have λ of a tenth of their number of elements (221 for CIFAR-10, mean color):
/// with v = 1 their steps must therefore be tens of times shorter, and errors of x̂₀, which grow as
/// std/mean for a network, are amplified as much. The default, v = ∞ and r² = (std/mean)², is at
/// least any λ.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/inverse/detail/predicted_residual.hpp>
#include <scoresde/inverse/linear_operator.hpp>
#include <scoresde/sde/sde.hpp>
#include <scoresde/state/element_terms.hpp>

namespace scoresde {

/// v of data of which nothing is assumed: r² = (std/mean)².
inline constexpr double flat_data_variance = std::numeric_limits<double>::infinity();

/// Refers to the problem's operator and measurement. Not thread-safe, as it has scratch memory.
template <Sde S, class A, State X>
requires SpectralOperator<A, X>
class PredictedLikelihood {
 public:
  /// data_variance is v, at least the largest variance of the data. Throws Error unless it is
  /// positive, and for a singular operator where the measurement has no noise.
  PredictedLikelihood(S sde, const LinearProblem<A, X>& problem,
                      double data_variance = flat_data_variance)
      : residual_(std::move(sde), problem), data_variance_(data_variance) {
    require(data_variance > 0, "predicted likelihood: data_variance is ", data_variance,
            "; it must be positive");
    if (problem.noise_std() == 0) detail::require_full_rank("predicted likelihood", problem.op());
    table_.resize(problem.op().rows());
  }

  [[nodiscard]] const S& sde() const { return residual_.sde(); }
  /// r² at t.
  [[nodiscard]] double r_squared(double t) const {
    const MarginalProb p = sde().marginal_prob(t);
    const double noise = p.std * p.std;
    return noise / (p.mean * p.mean + noise / data_variance_);
  }

  /// gradient ← ∇ log p̃ at (x, t) from output = F(x, t).
  template <class M>
  void gradient(M& model, const X& x, double t, const X& output, X& gradient) {
    coordinates(model, x, t, output);
    pull_back(model, x, t, r_squared(t), gradient);
  }
  /// The same with log p̃ of every sample.
  template <class M>
  void gradient(M& model, const X& x, double t, const X& output, X& gradient,
                std::span<double> log_density) {
    X& c = coordinates(model, x, t, output);
    measure(c, r_squared(t), log_density);
    pull_back(model, x, t, r_squared(t), gradient);
  }
  /// log N(y; A x̂₀(x, t), σ_y² I) of every sample: the likelihood of x̂₀ as data.
  template <class M>
  void log_density_of_prediction(M& model, const X& x, double t, const X& output,
                                 std::span<double> log_density) {
    measure(coordinates(model, x, t, output), 0, log_density);
  }
  /// x̂₀ of the last call.
  [[nodiscard]] const X& predicted(const X& x) { return residual_.predicted(x); }

 private:
  [[nodiscard]] double variance(std::size_t i, double r_squared) const {
    const double s = residual_.problem().op().singular_values()[i];
    const double noise = residual_.problem().noise_std();
    return r_squared * s * s + noise * noise;
  }
  /// c = Uᵀ(y − A x̂₀).
  template <class M>
  X& coordinates(M& model, const X& x, double t, const X& output) {
    X& r = residual_.residual("predicted likelihood", model, x, t, output);
    X& c = coordinates_.like(r);
    residual_.problem().op().left_coordinates(r, c);
    return c;
  }
  /// log density of N(0, variance) at c.
  void measure(const X& c, double r_squared, std::span<double> log_density) {
    double constant = 0;
    for (std::size_t i = 0; i < table_.size(); ++i) {
      const double v = variance(i, r_squared);
      constant -= 0.5 * std::log(2 * std::numbers::pi * v);
      table_[i] = 1 / std::sqrt(v);
    }
    X& scaled = scaled_.like(c);
    assign_by_element(scaled, {{table_, c}});
    backend(c).inner(scaled, scaled, log_density);
    for (double& value : log_density) value = constant - 0.5 * value;
  }
  template <class M>
  void pull_back(M& model, const X& x, double t, double r_squared, X& gradient) {
    for (std::size_t i = 0; i < table_.size(); ++i)
      table_[i] = residual_.problem().op().singular_values()[i] / variance(i, r_squared);
    X& c = coordinates_.like(residual_.problem().measurement());
    X& v = vector_.like(x);
    assign_by_element(c, {{table_, c}});
    residual_.problem().op().from_right_coordinates(c, v);
    residual_.pull_back(model, x, t, v, gradient);
  }

  detail::PredictedResidual<S, A, X> residual_;
  double data_variance_;
  std::vector<double> table_;
  ScratchState vector_, coordinates_, scaled_;
};

}  // namespace scoresde
