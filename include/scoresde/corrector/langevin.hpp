// SPDX-License-Identifier: MIT
/// Langevin corrector with a step size set by the signal-to-noise ratio of the step.
///
///   ε = 2α (snr ‖z‖₂/‖∇log p_t(x)‖₂)²,   x ← x + ε ∇log p_t(x) + √(2ε) z
///
/// Song et al. 2021 (arXiv:2011.13456), algorithms 4 and 5. α = sde.langevin_scale(t), or 1 if the
/// SDE does not define it. `snr` is the ratio of the lengths of the noise-free part and the noise
/// of a step, up to √α.
///
/// Because ε depends on x and z, the step is not exactly invariant. With per-sample norms on N(0,
/// vI) in d dimensions, the stationary density tends to N(0, (1 + 2/d) vI) times ‖x‖² as snr → 0,
/// with variance v(1 + 2/d)²: 0.13 % too large for images (d = 3072), 56 % for d = 8. At a finite
/// snr steps from near 0, of length 2 snr ‖z‖²/‖x‖, give it a tail P(‖x‖ > u) ~ u^(2 − d): the
/// variance is finite for d ≥ 5 only, above the limit by 8 % for d = 5 and 3 % for d ≥ 8 at
/// snr = 0.16, by a share of order snr² in general. For d = 3 and 4 it grows with the number of
/// steps. E‖x‖² after a step depends on E‖x‖⁻² before it, which is infinite for d ≤ 2, where
/// per-sample norms are rejected. Batch means have none of these problems; their stationary
/// variance is v(1 + snr²).
#pragma once

#include <cmath>
#include <cstddef>

#include <scoresde/corrector/corrector.hpp>
#include <scoresde/host_device.hpp>

namespace scoresde {
namespace detail {

/// α of an SDE, or 1 if it does not define it.
template <Sde S>
[[nodiscard]] double langevin_scale(const S& sde, double t) {
  if constexpr (requires { sde.langevin_scale(t); })
    return sde.langevin_scale(t);
  else
    return 1;
}

inline void check_langevin(const char* corrector, double snr, int steps) {
  require(std::isfinite(snr) && snr > 0, corrector, ": snr is ", snr, "; it must be positive");
  require(steps >= 0, corrector, ": steps is ", steps, "; it must be nonnegative");
}

}  // namespace detail

/// Norms → coefficients. A zero score norm gives no step, as it defines no direction; ratios of the
/// norms of score and noise between 0 and `smallest` give coefficients that are NaN.
struct LangevinRule {
  double snr = 0;
  double scale = 1;
  double smallest = 0;

  [[nodiscard]] SCORESDE_HOST_DEVICE bool is_too_long(Norms norms) const {
    return norms.score != 0 && norms.score < smallest * norms.noise;
  }
  /// Throws Error for norms that give NaN.
  void validate(Norms norms, double t) const {
    require(!is_too_long(norms), "Langevin: at t = ", t, " the norm of the score is ", norms.score,
            " and that of the noise ", norms.noise, "; their ratio must be 0 or at least ",
            smallest, ", because the step is proportional to its inverse square");
  }

  [[nodiscard]] SCORESDE_HOST_DEVICE StepCoefficients operator()(Norms norms) const {
    if (norms.score == 0) return {};
    if (is_too_long(norms)) return {NAN, NAN, NAN};
    const double ratio = snr * norms.noise / norms.score;
    const double epsilon = 2 * scale * ratio * ratio;
    return {1, epsilon, std::sqrt(2 * epsilon)};
  }
};

/// A corrector step throws Error where the norm of the score is below smallest_score/prior_std
/// times that of the noise, but not 0: such a score is not that of noised data, and its step would
/// be about snr/smallest_score times as long as a sample of the prior. On a device, x becomes NaN,
/// which the run rejects.
struct Langevin {
  double snr = 0.16;
  int steps = 1;
  Scope scope = Scope::per_sample;  ///< whose norms; batch means are the convention of score_sde

  static constexpr bool needs_norms = true;
  /// The scores of untrained networks are about 1e-5 of those of the prior.
  static constexpr double smallest_score = 1e-8;

  template <Sde S>
  [[nodiscard]] LangevinRule rule(const S& sde, double t) const {
    return {snr, detail::langevin_scale(sde, t), smallest_score / sde.prior_std()};
  }
  /// Throws Error unless snr > 0 and steps ≥ 0.
  void validate() const { detail::check_langevin("Langevin", snr, steps); }
  /// Throws Error for per-sample norms of states in 1 or 2 dimensions.
  void validate(std::size_t dim) const {
    require(scope == Scope::batch || dim > 2, "Langevin: scope is per_sample in dimension ", dim,
            ", where x would have infinite variance; it requires dimension 3 or more, so "
            "use Scope::batch or AnnealedLangevin");
  }
};

}  // namespace scoresde
