// SPDX-License-Identifier: MIT
/// Averages of the weights with any power-function profile, computed after the run from a few
/// stored averages.
///
///   p_{γ,T}(t) = (γ + 1)·t^γ/T^(γ+1) on (0, T], 0 after T
///   x = argmin ‖p_{γ,T} − Σ_i x_i·p_{γ_i,T_i}‖,   average ≈ Σ_i x_i·(stored average i)
///
/// The minimum solves A·x = b, where A and b are inner products in closed form (Karras et al. 2024,
/// arXiv:2312.02696, section 3.2 and appendix C):
///
///   ⟨p_{γ,T}, p_{δ,U}⟩ = (γ + 1)(δ + 1)/(γ + δ + 1)·(T/U)^δ/U,   T ≤ U
///
/// An average of EmaSchedule::power weighs update n by the integral of its profile from n − 1 to n,
/// so the stored averages have these profiles exactly.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/optim/ema.hpp>

namespace scoresde {

/// The profile p_{γ,T} of an average, taken at time `end`, in updates or in images.
struct EmaProfile {
  double gamma = 0;
  double end = 0;

  /// The profile of this relative width. Throws Error as ema_gamma does.
  [[nodiscard]] static EmaProfile of_width(double sigma_rel, double end) {
    return {ema_gamma(sigma_rel), end};
  }

  /// Throws Error unless γ is finite and at least 0, and the end finite and above 0.
  void validate() const {
    require(gamma >= 0 && std::isfinite(gamma), "EMA profile: gamma is ", gamma,
            "; it must be at least 0 and finite");
    require(end > 0 && std::isfinite(end), "EMA profile: end is ", end,
            "; it must be above 0 and finite");
  }

  bool operator==(const EmaProfile&) const = default;
};

/// ∫ p·q dt, in 1/time. The only power is that of a ratio of ends of at most 1.
[[nodiscard]] inline double inner_product(const EmaProfile& p, const EmaProfile& q) {
  const EmaProfile& earlier = p.end <= q.end ? p : q;
  const EmaProfile& later = p.end <= q.end ? q : p;
  return (earlier.gamma + 1) * (later.gamma + 1) / (earlier.gamma + later.gamma + 1) *
         std::pow(earlier.end / later.end, later.gamma) / later.end;
}

/// The approximation of a profile by stored ones.
struct PostHocEma {
  std::vector<double> coefficients;  ///< x_i, of the stored averages
  /// ‖p − Σ x_i·p_i‖/‖p‖ of the profiles: 0 where the wanted profile is a stored one, 1 where the
  /// stored ones have nothing in common with it. Values below 1e-7 are rounding errors.
  double relative_residual = 0;

  /// (Σ x_i²)^(1/2): the factor by which independent errors of the stored averages, such as
  /// rounding to float16, enter the result.
  [[nodiscard]] double error_gain() const {
    double sum = 0;
    for (const double x : coefficients) sum += x * x;
    return std::sqrt(sum);
  }
};

namespace detail {

/// ⟨p, q⟩/(‖p‖‖q‖).
[[nodiscard]] inline double cosine(const EmaProfile& p, const EmaProfile& q) {
  return inner_product(p, q) / std::sqrt(inner_product(p, p)) / std::sqrt(inner_product(q, q));
}

/// The u that minimizes ‖w/‖w‖ − Σ u_i·p_i/‖p_i‖‖, by Cholesky's method with diagonal pivoting for
/// the matrix of cosines. A profile that depends on the pivots up to rounding has u_i = 0.
[[nodiscard]] inline std::vector<double> unit_coefficients(std::span<const EmaProfile> p,
                                                           const EmaProfile& w) {
  const std::size_t n = p.size();
  const double noise = 4 * static_cast<double>(n) * std::numeric_limits<double>::epsilon();
  std::vector<double> factor(n * n), left(n, 1.0), y, u(n);
  std::vector<std::size_t> pivots;
  for (;;) {  // left is the squared distance of each profile from the span of the pivots
    const std::size_t rank = pivots.size();
    const auto at = std::max_element(left.begin(), left.end());
    if (*at <= noise) break;
    const auto pivot = static_cast<std::size_t>(at - left.begin());
    const double root = std::sqrt(*at);
    const double* const row = &factor[pivot * n];
    const auto remainder = [&](double value, const double* other) {
      for (std::size_t k = 0; k < rank; ++k) value -= row[k] * other[k];
      return value / root;
    };
    for (std::size_t i = 0; i < n; ++i) {
      if (left[i] == 0) continue;
      factor[i * n + rank] = i == pivot ? root : remainder(cosine(p[i], p[pivot]), &factor[i * n]);
      left[i] =
          i == pivot ? 0 : std::max(0.0, left[i] - factor[i * n + rank] * factor[i * n + rank]);
    }
    y.push_back(remainder(cosine(p[pivot], w), y.data()));
    pivots.push_back(pivot);
  }
  for (std::size_t r = pivots.size(); r-- > 0;) {
    double value = y[r];
    for (std::size_t s = r + 1; s < pivots.size(); ++s)
      value -= factor[pivots[s] * n + r] * u[pivots[s]];
    u[pivots[r]] = value / factor[pivots[r] * n + r];
  }
  return u;
}

/// ‖w/‖w‖ − Σ u_i·p_i/‖p_i‖‖.
[[nodiscard]] inline double unit_residual(std::span<const EmaProfile> p, const EmaProfile& w,
                                          std::span<const double> u) {
  double square = 1;
  for (std::size_t i = 0; i < p.size(); ++i) {
    double row = u[i] - 2 * cosine(p[i], w);
    for (std::size_t j = 0; j < i; ++j) row += 2 * cosine(p[i], p[j]) * u[j];
    square += u[i] * row;
  }
  return std::sqrt(std::max(0.0, square));
}

}  // namespace detail

/// The combination of the stored profiles that is nearest to the wanted one in the mean square over
/// time. Stored profiles that end after the wanted one take part. Throws Error for no stored
/// profiles, equal ones, invalid ones, and for a wanted end later than all of the stored ones.
[[nodiscard]] inline PostHocEma post_hoc_ema(std::span<const EmaProfile> stored,
                                             const EmaProfile& wanted) {
  require(!stored.empty(),
          "post-hoc EMA: there are no stored profiles; there must be at least one");
  wanted.validate();
  double last = 0;
  for (std::size_t i = 0; i < stored.size(); ++i) {
    stored[i].validate();
    last = std::max(last, stored[i].end);
    for (std::size_t j = 0; j < i; ++j)
      require(stored[i] != stored[j], "post-hoc EMA: stored profiles ", j, " and ", i,
              " are both of gamma ", stored[i].gamma, " and end ", stored[i].end,
              "; all must be different");
  }
  require(wanted.end <= last, "post-hoc EMA: the wanted end is ", wanted.end,
          "; it must be at most that of the last stored profile, ", last);
  PostHocEma result{detail::unit_coefficients(stored, wanted), 0};
  result.relative_residual = detail::unit_residual(stored, wanted, result.coefficients);
  const double norm = std::sqrt(inner_product(wanted, wanted));
  for (std::size_t i = 0; i < stored.size(); ++i)
    result.coefficients[i] *= norm / std::sqrt(inner_product(stored[i], stored[i]));
  return result;
}

/// Σ x_i·w_i of sets of weights that are added one after another, in double precision.
class WeightCombination {
 public:
  explicit WeightCombination(std::size_t size) : sum_(size) {}

  /// Throws Error on unequal sizes.
  template <std::floating_point T>
  void add(double coefficient, std::span<const T> weights) {
    require(weights.size() == sum_.size(), "weight combination: these weights have ",
            weights.size(), " scalars; the sum has ", sum_.size());
    for (std::size_t i = 0; i < weights.size(); ++i)
      sum_[i] += coefficient * static_cast<double>(weights[i]);
  }

  [[nodiscard]] std::span<const double> sum() const { return sum_; }

 private:
  std::vector<double> sum_;
};

}  // namespace scoresde
