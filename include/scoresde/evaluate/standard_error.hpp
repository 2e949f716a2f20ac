// SPDX-License-Identifier: MIT
/// Means, standard deviations and standard errors of metrics.
///
///   jackknife:  s² = (G − 1)/G · Σ_g (θ_g − θ̄)²,   θ_g without part g of G equal parts
///
/// Efron and Tibshirani 1993 (An Introduction to the Bootstrap), equation 11.5.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <span>

#include <scoresde/error.hpp>

namespace scoresde {

[[nodiscard]] inline double mean_of(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// √(Σ (v − v̄)²/(n − ddof)); not a number for n ≤ ddof.
[[nodiscard]] inline double standard_deviation_of(std::span<const double> values,
                                                  std::size_t ddof) {
  if (values.size() <= ddof) return std::numeric_limits<double>::quiet_NaN();
  const double mean = mean_of(values);
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / static_cast<double>(values.size() - ddof));
}

/// Of a mean of independent values, s/√n; not a number for one value.
[[nodiscard]] inline double standard_error_of_mean(std::span<const double> values) {
  return standard_deviation_of(values, 1) / std::sqrt(static_cast<double>(values.size()));
}

/// Of a share p of n independent images, √(p(1 − p)/n).
[[nodiscard]] inline double standard_error_of_share(double share, std::size_t n) {
  return std::sqrt(share * (1 - share) / static_cast<double>(n));
}

/// Of an estimate, from its values without one part each. Throws Error for fewer than two.
[[nodiscard]] inline double jackknife_error(std::span<const double> without_part) {
  require(without_part.size() >= 2, "jackknife: ", without_part.size(),
          " estimates; at least 2 are required");
  return standard_deviation_of(without_part, 0) *
         std::sqrt(static_cast<double>(without_part.size() - 1));
}

}  // namespace scoresde
