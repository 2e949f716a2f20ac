// SPDX-License-Identifier: MIT
/// The log-density of an SDE's prior, in nats.
///
///   log π(z) = −½ D ln(2π σ²) − ‖z − μ‖²/(2σ²),   σ = prior_std,   μ = prior_mean (0 if absent)
///
/// Song et al. 2021 (arXiv:2011.13456), appendix D.2.
#pragma once

#include <cmath>
#include <cstddef>
#include <numbers>
#include <span>

#include <scoresde/sampler/prior.hpp>
#include <scoresde/sde/sde.hpp>
#include <scoresde/state/backend.hpp>

namespace scoresde {

/// squared[k] ← ‖a·x_k − μ‖², μ the prior mean. Makes a state if the SDE has a prior_mean; that
/// requires a backend with transform.
template <class S, State X>
void squared_distance_to_prior_mean(const S& sde, double a, const X& x, std::span<double> squared) {
  if constexpr (requires { sde.prior_mean(); }) {
    X centered = backend(x).make_like(x);
    assign_around_prior_mean(sde, centered, -1, a, x);
    backend(x).inner(centered, centered, squared);
  } else {
    backend(x).inner(x, x, squared);
    for (double& value : squared) value *= a * a;
  }
}

/// per_sample[k] ← log π(z_k). Throws Error for a prior mean of another dimension.
template <Sde S, State X>
void prior_log_density(const S& sde, const X& z, std::span<double> per_sample) {
  squared_distance_to_prior_mean(sde, 1, z, per_sample);
  const double variance = sde.prior_std() * sde.prior_std();
  const double constant =
      -0.5 * static_cast<double>(extents(z).dim) * std::log(2 * std::numbers::pi * variance);
  for (double& value : per_sample) value = constant - 0.5 * value / variance;
}

}  // namespace scoresde
