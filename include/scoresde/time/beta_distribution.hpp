// SPDX-License-Identifier: MIT
/// The beta distribution: cumulative distribution function and quantiles.
///
///   I_x(a, b) = ∫₀ˣ u^{a−1} (1 − u)^{b−1} du / B(a, b)
///
/// DLMF, https://dlmf.nist.gov/8.17: the continued fraction 8.17.22 for x < (a + 1)/(a + b + 2),
/// where it converges fast, and I_x(a, b) = 1 − I_{1−x}(b, a) elsewhere (8.17.4).
#pragma once

#include <cmath>
#include <limits>

#include <scoresde/error.hpp>

namespace scoresde {
namespace detail {

inline void require_shape(double a, double b) {
  require(a > 0 && b > 0 && std::isfinite(a) && std::isfinite(b), "beta distribution: a is ", a,
          " and b ", b, "; both must be positive and finite");
}

/// x^a (1 − x)^b/(a B(a, b)) divided by the continued fraction, evaluated forward (Lentz).
[[nodiscard]] inline double beta_fraction(double x, double a, double b) {
  const double log_front = std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) +
                           b * std::log1p(-x) - std::log(a);
  double value = 1, d = 1, c = std::numeric_limits<double>::infinity();
  for (int n = 1; n < 500; ++n) {
    const int m = n / 2;
    const double term = n % 2 == 0 ? m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
                                   : -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / (1 + term * d);
    c = 1 + term / c;
    value *= c * d;
    if (std::abs(c * d - 1) < 1e-16) break;
  }
  return std::exp(log_front) * value;
}

}  // namespace detail

/// I_x(a, b), the probability of a value ≤ x. Throws Error unless 0 ≤ x ≤ 1 and a and b are
/// positive and finite.
[[nodiscard]] inline double beta_probability(double x, double a, double b) {
  detail::require_shape(a, b);
  require(x >= 0 && x <= 1, "beta distribution: x is ", x, "; it must lie in [0, 1]");
  if (x == 0 || x == 1) return x;
  return x < (a + 1) / (a + b + 2) ? detail::beta_fraction(x, a, b)
                                   : 1 - detail::beta_fraction(1 - x, b, a);
}

/// The x with I_x(a, b) = p, by bracketed Newton iteration. Throws Error unless 0 ≤ p ≤ 1 and a and
/// b are positive and finite.
[[nodiscard]] inline double beta_quantile(double p, double a, double b) {
  detail::require_shape(a, b);
  require(p >= 0 && p <= 1, "beta distribution: p is ", p, "; it must lie in [0, 1]");
  if (p == 0 || p == 1) return p;
  const double log_beta = std::lgamma(a) + std::lgamma(b) - std::lgamma(a + b);
  double low = 0, high = 1, x = a / (a + b);
  for (int iteration = 0; iteration < 200; ++iteration) {
    const double excess = beta_probability(x, a, b) - p;
    (excess > 0 ? high : low) = x;
    const double density = std::exp((a - 1) * std::log(x) + (b - 1) * std::log1p(-x) - log_beta);
    double next = x - excess / density;
    if (!(next > low && next < high)) next = 0.5 * (low + high);
    if (std::abs(next - x) <= 4e-16 * x) return next;
    x = next;
  }
  return x;
}

}  // namespace scoresde
