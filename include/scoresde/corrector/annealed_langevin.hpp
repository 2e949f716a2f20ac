// SPDX-License-Identifier: MIT
/// Annealed Langevin corrector: a step size known before the run.
///
///   ε = 2α (snr std(t))²,   x ← x + ε ∇log p_t(x) + √(2ε) z
///
/// Song & Ermon 2019 (arXiv:1907.05600), algorithm 1, in the normalisation of Song et al. 2021's
/// code. α = sde.langevin_scale(t), 1 where the SDE has none.
#pragma once

#include <cmath>

#include <scoresde/corrector/langevin.hpp>

namespace scoresde {

/// The same coefficients whatever the norms.
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
  void validate() const { detail::check_langevin("annealed langevin", snr, steps); }
};

}  // namespace scoresde
