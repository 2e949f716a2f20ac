// SPDX-License-Identifier: MIT
/// DDIM(η): a step with a fraction η of fresh noise, for every linear SDE.
///
///   x ← mean_s x̂₀ + √(std_s² − c²) ε̂ + c z,   c² = η² v std_s²/std_t²
///
/// The step goes from t to s; x_t = a x_s + √v z is the forward transition, x̂₀ = (x + std_t² ∇log
/// p_t)/mean_t and ε̂ = −std_t ∇log p_t. Song et al. 2021 (arXiv:2010.02502), eq. 12 and 16. η = 0
/// is the probability flow to first order, η = 1 is ancestral sampling with the small variance.
/// Since c² does not depend on α, the same step is the Euler-ancestral step of k-diffusion in σ/α.
#pragma once

#include <cmath>

#include <scoresde/predictor/predictor.hpp>
#include <scoresde/sde/transition.hpp>

namespace scoresde {

struct Ddim {
  double eta = 0;

  /// Throws Error unless η lies in [0, 1].
  void validate() const {
    require(eta >= 0 && eta <= 1, "DDIM: eta is ", eta, "; it must lie in [0, 1]");
  }

  template <Sde S>
  [[nodiscard]] StepCoefficients coefficients(const S& sde, TimeStep step) const {
    const auto [mean, variance, std, std_next] = transition(sde, step);
    const double noise = eta * std::sqrt(variance) * std_next / std;
    const double kept = std::sqrt((std_next - noise) * (std_next + noise));
    return {1 / mean, std * (std / mean - kept), noise};
  }
};

/// DDIM(1) by its name in σ-space; η is the fraction of noise as in DDIM.
struct EulerAncestral {
  double eta = 1;

  /// Throws Error unless η lies in [0, 1].
  void validate() const { Ddim{eta}.validate(); }

  template <Sde S>
  [[nodiscard]] StepCoefficients coefficients(const S& sde, TimeStep step) const {
    return Ddim{eta}.coefficients(sde, step);
  }
};

}  // namespace scoresde
