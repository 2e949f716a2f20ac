// SPDX-License-Identifier: MIT
/// No predictor: x is unchanged, without an evaluation of the score or a draw.
///
///   x ← x
///
/// With a corrector, this is annealed MCMC: Song et al. 2021 (arXiv:2011.13456), section 4.2.
#pragma once

#include <scoresde/predictor/predictor.hpp>

namespace scoresde {

struct NoPredictor {
  static constexpr bool needs_score = false;

  template <Sde S>
  [[nodiscard]] StepCoefficients coefficients(const S&, TimeStep) const {
    return {};
  }
};

}  // namespace scoresde
