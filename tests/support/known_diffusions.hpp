// SPDX-License-Identifier: MIT
/// General SDEs with known distributions: geometric Brownian motion, the double well, CIR.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <type_traits>
#include <vector>

#include <scoresde/score/gaussian.hpp>
#include <scoresde/sde/general_sde.hpp>
#include <scoresde/state/host_state.hpp>

namespace known {

/// dx = μx dt + σx dw from ln x₀ ~ N(mean, variance): ln x_t ~ N(mean + (μ − σ²/2)t, variance +
/// σ²t). As a model it is its own exact score −(1 + (ln x − m_t)/v_t)/x.
struct GeometricBrownianMotion {
  double mu = 0.3, sigma = 0.5;
  double mean = 0, variance = 0;

  double drift(double x, double) const { return mu * x; }
  double diffusion(double x, double) const { return sigma * x; }
  double diffusion_derivative(double, double) const { return sigma; }

  double log_mean(double t) const { return mean + (mu - 0.5 * sigma * sigma) * t; }
  double log_variance(double t) const { return variance + sigma * sigma * t; }

  template <scoresde::ContiguousState X>
  void evaluate(const X& x, double t, X& output) const {
    using T = std::remove_cvref_t<decltype(*x.data())>;
    for (std::size_t i = 0; i < scoresde::extents(x).size(); ++i)
      output.data()[i] = static_cast<T>(score(x.data()[i], t));
  }
  scoresde::ScoreForm score_form(double) const { return {0, 1}; }

  /// P(x_t ≤ x).
  double distribution(double x, double t) const {
    return x <= 0 ? 0
                  : 0.5 * std::erfc(-(std::log(x) - log_mean(t)) / std::sqrt(2 * log_variance(t)));
  }
  /// The probability flow: (ln x − m_t)/√v_t is constant.
  double flow(double x, double t, double u) const {
    const double z = (std::log(x) - log_mean(t)) / std::sqrt(log_variance(t));
    return std::exp(log_mean(u) + std::sqrt(log_variance(u)) * z);
  }
  /// Samples of the distribution at t, one per normal.
  template <class X>
  void draw(X& x, double t, scoresde::NoiseDraw normals) const {
    scoresde::backend(x).assign(x, {}, scoresde::NoiseTerm{1, normals});
    using T = std::remove_cvref_t<decltype(*x.data())>;
    for (std::size_t i = 0; i < scoresde::extents(x).size(); ++i)
      x.data()[i] =
          static_cast<T>(std::exp(log_mean(t) + std::sqrt(log_variance(t)) * x.data()[i]));
  }

 private:
  double score(double x, double t) const {
    return -(1 + (std::log(x) - log_mean(t)) / log_variance(t)) / x;
  }
};

/// dx = (x − x³) dt + s dw: stationary density ∝ exp(−2V/s²), V = x⁴/4 − x²/2.
struct DoubleWell {
  double s = 0.8;

  double drift(double x, double) const { return x - x * x * x; }
  double diffusion(double, double) const { return s; }
  double diffusion_derivative(double, double) const { return 0; }

  /// E xⁿ of the stationary distribution, by the trapezoidal rule on [−5, 5], exact to rounding.
  double moment(int n) const {
    double sum = 0, weight = 0;
    for (int i = -2000; i <= 2000; ++i) {
      const double x = 0.0025 * i;
      const double density = std::exp(-2 * (std::pow(x, 4) / 4 - x * x / 2) / (s * s));
      weight += density;
      sum += std::pow(x, n) * density;
    }
    return sum / weight;
  }
};

/// Cox, Ingersoll & Ross 1985: dx = κ(θ − x) dt + σ√x dw with full truncation: where a step has
/// made x negative, drift and diffusion use 0 (Lord, Koekkoek & van Dijk 2010). max(x, 0) is the
/// result.
struct CoxIngersollRoss {
  double kappa = 1.5, theta = 0.6, sigma = 0.5;

  double drift(double x, double) const { return kappa * (theta - std::max(x, 0.0)); }
  double diffusion(double x, double) const { return sigma * std::sqrt(std::max(x, 0.0)); }

  double mean(double x0, double t) const { return theta + (x0 - theta) * std::exp(-kappa * t); }
  double variance(double x0, double t) const {
    const double e = std::exp(-kappa * t), unit = sigma * sigma / kappa;
    return x0 * unit * (e - e * e) + 0.5 * theta * unit * (1 - e) * (1 - e);
  }
};

/// sup |F_n − F| of the sample against the distribution function.
template <class F>
double kolmogorov_smirnov(std::vector<double> sample, const F& distribution) {
  std::sort(sample.begin(), sample.end());
  const auto n = static_cast<double>(sample.size());
  double largest = 0;
  for (std::size_t i = 0; i < sample.size(); ++i) {
    const double p = distribution(sample[i]), rank = static_cast<double>(i);
    largest = std::max({largest, p - rank / n, (rank + 1) / n - p});
  }
  return largest;
}

/// Mean of f over the elements, and the standard error of that mean.
struct Estimate {
  double mean, error;
};
template <class X, class F>
Estimate estimate(const X& x, const F& f) {
  const std::size_t count = scoresde::extents(x).size();
  double sum = 0, squares = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const double value = f(x.data()[i]);
    sum += value;
    squares += value * value;
  }
  const auto n = static_cast<double>(count);
  return {sum / n, std::sqrt((squares / n - sum / n * (sum / n)) / n)};
}

template <class X>
void fill(X& x, double value) {
  for (std::size_t i = 0; i < scoresde::extents(x).size(); ++i) x.data()[i] = value;
}

template <class X>
std::vector<double> values(const X& x) {
  return {x.data(), x.data() + scoresde::extents(x).size()};
}

}  // namespace known
