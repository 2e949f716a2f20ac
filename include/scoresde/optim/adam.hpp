// SPDX-License-Identifier: MIT
/// Adam with warm-up and clipping by global norm, fused with the EMA.
///
///   g ← min(1, clip/(‖g‖ + 10⁻⁶))·g + weight_decay·θ
///   m ← β₁m + (1 − β₁)g,   v ← β₂v + (1 − β₂)g²
///   θ ← θ − lr·(m/(1 − β₁ⁿ)) / (√(v/(1 − β₂ⁿ)) + ε),   n = 1, 2, …
///
/// Kingma and Ba 2015 (arXiv:1412.6980), algorithm 1. optim/schedule.hpp defines warm-up, decay and
/// clipping.
#pragma once

#include <cmath>
#include <concepts>
#include <cstdint>

#include <scoresde/host_device.hpp>
#include <scoresde/optim/optimizer.hpp>
#include <scoresde/optim/schedule.hpp>

namespace scoresde {

/// Constants of one update, and the update of one element.
template <std::floating_point T>
struct AdamCoefficients : AverageCoefficients<T> {
  T clip, decay, take1, keep1, take2, keep2, root_correction, epsilon, rate;

  SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE void update(T& theta, T& m, T& v, T gradient) const {
    const T g = clip * gradient + decay * theta;
    m = keep1 * m + take1 * g;
    v = keep2 * v + take2 * (g * g);
    theta -= rate * (m / (std::sqrt(v) * root_correction + epsilon));
  }
};

struct Adam {
  double learning_rate = 2e-4;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;       ///< added to the gradient (L2), not decoupled
  std::uint64_t warm_up = 5000;  ///< updates; 0: no warm-up
  double gradient_clip = 1;      ///< maximum ‖g‖₂; infinity: no clipping
  LearningRateDecay decay{};
  LearningRateSchedule schedule{};

  /// Throws Error naming the setting that is out of range.
  void validate() const {
    detail::validate_schedule("Adam", *this);
    detail::validate_moments("Adam", *this);
  }

  /// Learning rate after `updates` updates.
  [[nodiscard]] SCORESDE_HOST_DEVICE double learning_rate_at(std::uint64_t updates) const {
    return scheduled_rate(learning_rate, warm_up, schedule, decay, updates);
  }

  /// Coefficients of the update after `updates` others, for a gradient of norm `norm`.
  template <std::floating_point T>
  [[nodiscard]] SCORESDE_HOST_DEVICE AdamCoefficients<T> coefficients(std::uint64_t updates,
                                                                      double norm,
                                                                      double ema_decay) const {
    const auto n = static_cast<double>(updates + 1);
    const double correction1 = 1 - std::pow(beta1, n), correction2 = 1 - std::pow(beta2, n);
    return {{T(1 - ema_decay)}, T(clipping_factor(gradient_clip, norm)),
            T(weight_decay),    T(1 - beta1),
            T(beta1),           T(1 - beta2),
            T(beta2),           T(1 / std::sqrt(correction2)),
            T(epsilon),         T(learning_rate_at(updates) / correction1)};
  }
};

static_assert(Optimizer<Adam, float> && Optimizer<Adam, double>);

}  // namespace scoresde
