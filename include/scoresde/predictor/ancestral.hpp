// SPDX-License-Identifier: MIT
/// Ancestral sampling for every linear SDE: a sample of p(x_s | x_t, x̂₀(x_t)).
///
///   x_t = a x_s + √v z   ⇒   x ← (x + v ∇log p_t(x))/a + c z
///   c² = v std(s)²/std(t)²  (small: the posterior variance)   or   c² = v  (large)
///
/// Ho et al. 2020 (arXiv:2006.11239), section 3.2, name the two variances; Song et al. 2021
/// (arXiv:2011.13456), eq. 4 and appendix F (eq. 49). score_sde uses `large` for VP and `small` for
/// VE. `small` is exact for data at a single point, `large` for data N(0, I) under VP.
#pragma once

#include <cmath>

#include <scoresde/predictor/predictor.hpp>
#include <scoresde/sde/transition.hpp>

namespace scoresde {

/// The two variances of an ancestral step.
enum class PosteriorVariance { small, large };

struct Ancestral {
  PosteriorVariance variance = PosteriorVariance::small;

  template <Sde S>
  [[nodiscard]] StepCoefficients coefficients(const S& sde, TimeStep step) const {
    const Transition chain = transition(sde, step);
    const double ratio = variance == PosteriorVariance::small ? chain.std_next / chain.std : 1;
    return {1 / chain.mean, chain.variance / chain.mean, std::sqrt(chain.variance) * ratio};
  }
};

}  // namespace scoresde
