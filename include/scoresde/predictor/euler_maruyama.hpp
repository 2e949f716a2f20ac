// SPDX-License-Identifier: MIT
/// Euler-Maruyama on the reverse-time SDE, or Euler on the probability flow.
///
///   x ← (1 + h f)x − h g² ∇log p_t(x) + g √(−h) z,   h = t_next − t < 0
///
/// Song et al. 2021 (arXiv:2011.13456), eq. 6; the flow (eq. 13) uses half the score and no noise.
/// For general Itô SDEs, the same type is the scheme x ← x + f h + g Δw
/// (general_sde/schemes.hpp).
#pragma once

#include <cmath>

#include <scoresde/predictor/predictor.hpp>

namespace scoresde {

struct EulerMaruyama {
  bool probability_flow = false;

  template <Sde S>
  [[nodiscard]] StepCoefficients coefficients(const S& sde, TimeStep step) const {
    const double h = step.t_next - step.t;
    const double g = sde.diffusion(step.t);
    const double state = 1 + h * sde.drift(step.t);
    if (probability_flow) return {state, -0.5 * h * g * g, 0};
    return {state, -h * g * g, g * std::sqrt(-h)};
  }

  /// One element of dx = f dt + g dw; dw ~ N(0, |t_next − t|).
  template <class P>
  [[nodiscard]] double step(const P& process, double x, TimeStep step, double dw) const {
    const double h = step.t_next - step.t;
    return x + h * process.drift(x, step.t) + process.diffusion(x, step.t) * dw;
  }
};

}  // namespace scoresde
