// SPDX-License-Identifier: MIT
/// Predictor: one step of the reverse-time process, as three coefficients.
///
///   x ← state·x + score·∇log p_t(x) + noise·z,   z ~ N(0, I)
///
/// Song et al. 2021 (arXiv:2011.13456), algorithm 1. The mean of the step, used to drop the noise
/// of the last step, is the same form with noise = 0.
#pragma once

#include <concepts>

#include <scoresde/sde/sde.hpp>

namespace scoresde {

struct StepCoefficients {
  double state = 1;
  double score = 0;
  double noise = 0;
};

/// The mean of a step.
[[nodiscard]] constexpr StepCoefficients without_noise(StepCoefficients step) {
  step.noise = 0;
  return step;
}

/// A predictor may define `static constexpr bool needs_score = false` (NoPredictor): samplers then
/// skip both the evaluation and the draw.
template <class P, class S>
concept Predictor = Sde<S> && std::copyable<P> &&
    requires(const P& predictor, const S& sde, TimeStep step) {
  { predictor.coefficients(sde, step) } -> std::same_as<StepCoefficients>;
};

/// Whether samplers evaluate the score for a predictor.
template <class P>
inline constexpr bool predictor_needs_score = true;
template <class P>
requires requires { P::needs_score; }
inline constexpr bool predictor_needs_score<P> = P::needs_score;

}  // namespace scoresde
