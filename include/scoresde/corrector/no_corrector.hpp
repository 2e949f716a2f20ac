// SPDX-License-Identifier: MIT
/// No corrector: no step, evaluation or draw.
///
///   x ← x
///
/// With a predictor, this is plain reverse-time integration: Song et al. 2021 (arXiv:2011.13456),
/// section 4.1.
#pragma once

#include <scoresde/corrector/corrector.hpp>

namespace scoresde {

struct NoCorrector {
  static constexpr int steps = 0;
  static constexpr bool needs_norms = false;

  struct Rule {
    [[nodiscard]] StepCoefficients operator()(Norms) const { return {}; }
  };
  template <Sde S>
  [[nodiscard]] Rule rule(const S&, double) const {
    return {};
  }
};

}  // namespace scoresde
