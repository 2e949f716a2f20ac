// SPDX-License-Identifier: MIT
/// Reverse diffusion: the reverse-time SDE with the discretization of the forward chain.
///
///   x_t = a x_s + √v z   ⇒   x ← (2 − a)x + v ∇log p_t(x) + √v z
///
/// Song et al. 2021 (arXiv:2011.13456), eq. 45 and 46; the probability flow uses half the score and
/// no noise. The forward chain is transition(sde, step).
#pragma once

#include <cmath>

#include <scoresde/predictor/predictor.hpp>
#include <scoresde/sde/transition.hpp>

namespace scoresde {

struct ReverseDiffusion {
  bool probability_flow = false;

  template <Sde S>
  [[nodiscard]] StepCoefficients coefficients(const S& sde, TimeStep step) const {
    const Transition chain = transition(sde, step);
    if (probability_flow) return {2 - chain.mean, 0.5 * chain.variance, 0};
    return {2 - chain.mean, chain.variance, std::sqrt(chain.variance)};
  }
};

}  // namespace scoresde
