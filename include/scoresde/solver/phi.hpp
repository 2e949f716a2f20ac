// SPDX-License-Identifier: MIT
/// The φ functions of exponential integrators.
///
///   φ₀(z) = e^z,   φₖ(z) = ∫₀¹ e^{(1−θ)z} θ^{k−1}/(k−1)! dθ
///                        = (φₖ₋₁(z) − 1/(k−1)!)/z = Σⱼ zʲ/(j+k)!
///
/// Hochbruck & Ostermann 2010, Exponential integrators, Acta Numerica 19, eq. 2.10 and 2.11.
#pragma once

#include <cmath>

namespace scoresde {

/// φₖ(z) for k ≥ 0, by its series for |z| < 1, where the recurrence suffers from cancellation.
[[nodiscard]] inline double phi(int k, double z) {
  if (k == 0) return std::exp(z);
  if (std::abs(z) < 1) {
    double term = 1;
    for (int i = 2; i <= k; ++i) term /= i;
    double sum = term;
    for (int j = 1; j < 20; ++j) sum += (term *= z / (j + k));
    return sum;
  }
  double value = std::expm1(z) / z, inverse_factorial = 1;
  for (int i = 1; i < k; ++i) {
    inverse_factorial /= i;
    value = (value - inverse_factorial) / z;
  }
  return value;
}

}  // namespace scoresde
