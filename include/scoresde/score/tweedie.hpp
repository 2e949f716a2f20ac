// SPDX-License-Identifier: MIT
/// Tweedie's formula: the prediction of the data implied by a score.
///
///   E[x₀ | x_t = x] = (x + σ²·∇log p_t(x))/α,   α, σ = mean and std of marginal_prob(t)
///
/// Robbins 1956; Efron 2011 ("Tweedie's formula and selection bias", eq. 2.8). A linear form in (x,
/// F), as the score is.
#pragma once

#include <cmath>
#include <limits>

#include <scoresde/score/score_model.hpp>
#include <scoresde/sde/sde.hpp>

namespace scoresde {

/// The predicted data as state·x + output·F; `state` is set to 0 if it is only rounding error (F
/// predicts the data).
[[nodiscard]] inline ScoreForm tweedie_form(MarginalProb p, ScoreForm score) {
  const double variance = p.std * p.std;
  double state = 1 + variance * score.state;
  if (std::abs(state) < 4 * std::numeric_limits<double>::epsilon()) state = 0;
  return {state / p.mean, variance * score.output / p.mean};
}

}  // namespace scoresde
