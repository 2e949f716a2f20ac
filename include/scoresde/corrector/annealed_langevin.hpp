// SPDX-License-Identifier: MIT
/// Annealed Langevin corrector, with a step size that depends on t only.
///
///   ε = 2α (snr std(t))²,   x ← x + ε ∇log p_t(x) + √(2ε) z
///
/// Song & Ermon 2019 (arXiv:1907.05600), algorithm 1, normalized as in score_sde. α =
/// sde.langevin_scale(t), or 1 if the SDE does not define it.
#pragma once

#include <cmath>

#include <scoresde/corrector/langevin.hpp>

namespace scoresde {

/// The same coefficients for any norms.
struct FixedStepRule {
  double epsilon = 0;

  [[nodiscard]] StepCoefficients operator()(Norms) const {
    return {1, epsilon, std::sqrt(2 * epsilon)};
  }
};

struct AnnealedLangevin {
  double snr = 0.16;
  int steps = 1;

  static constexpr bool needs_norms = false;

  template <Sde S>
  [[nodiscard]] FixedStepRule rule(const S& sde, double t) const {
    const double size = snr * sde.marginal_prob(t).std;
    return {2 * detail::langevin_scale(sde, t) * size * size};
  }
  /// Throws Error unless snr > 0 and steps ≥ 0.
  void validate() const { detail::check_langevin("annealed Langevin", snr, steps); }
};

}  // namespace scoresde
