// SPDX-License-Identifier: MIT
/// RAdam: Adam whose adaptive step is rectified for the variance of v, and absent while that
/// variance diverges.
///
///   ρ∞ = 2/(1 − β₂) − 1,   ρₙ = ρ∞ − 2nβ₂ⁿ/(1 − β₂ⁿ),   n = 1, 2, …
///   rₙ = √( (ρₙ − 4)(ρₙ − 2)ρ∞ / ((ρ∞ − 4)(ρ∞ − 2)ρₙ) )
///   θ ← θ − lr·rₙ·(m/(1 − β₁ⁿ)) / (√(v/(1 − β₂ⁿ)) + ε)   where ρₙ > 4,
///   θ ← θ − lr·m/(1 − β₁ⁿ)                               elsewhere
///
/// Liu et al. 2020 (arXiv:1908.03265), algorithm 2, with Adam's ε in the denominator. m, v,
/// clipping and weight decay are those of optim/adam.hpp; the rectification replaces a warm-up.
#pragma once

#include <cmath>
#include <concepts>
#include <cstdint>

#include <scoresde/error.hpp>
#include <scoresde/host_device.hpp>
#include <scoresde/optim/optimizer.hpp>
#include <scoresde/optim/schedule.hpp>

namespace scoresde {

/// Constants of one update, and the update of one element.
template <std::floating_point T>
struct RAdamCoefficients : AverageCoefficients<T> {
  T clip, decay, take1, keep1, take2, keep2, root_correction, epsilon, rate;
  bool adaptive;  ///< ρₙ is above the threshold

  SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE void update(T& theta, T& m, T& v, T gradient) const {
    const T g = clip * gradient + decay * theta;
    m = keep1 * m + take1 * g;
    v = keep2 * v + take2 * (g * g);
    theta -= rate * (adaptive ? m / (std::sqrt(v) * root_correction + epsilon) : m);
  }
};

struct RAdam {
  double learning_rate = 2e-4;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;    ///< added to the gradient (L2), not decoupled
  std::uint64_t warm_up = 0;  ///< updates; 0: no warm-up
  double gradient_clip = 1;   ///< maximum ‖g‖₂; infinity: no clipping
  LearningRateDecay decay{};
  LearningRateSchedule schedule{};
  double threshold = 4;  ///< of ρₙ, at least 4: the paper's; PyTorch has 5

  /// Throws Error naming the setting that is out of range.
  void validate() const {
    detail::validate_schedule("RAdam", *this);
    detail::validate_moments("RAdam", *this);
    require(threshold >= 4, "RAdam: threshold is ", threshold, "; it must be at least 4");
  }

  /// Learning rate after `updates` updates, without rₙ.
  [[nodiscard]] SCORESDE_HOST_DEVICE double learning_rate_at(std::uint64_t updates) const {
    return scheduled_rate(learning_rate, warm_up, schedule, decay, updates);
  }

  /// rₙ of update n = 1, 2, …; 0 where the step is not adaptive.
  [[nodiscard]] SCORESDE_HOST_DEVICE double rectification(double n) const {
    const double limit = 2 / (1 - beta2) - 1;
    const double power = std::pow(beta2, n);
    const double rho = limit - 2 * n * power / (1 - power);
    if (!(rho > threshold)) return 0;
    return std::sqrt((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho));
  }

  /// Coefficients of the update after `updates` others, for a gradient of norm `norm`.
  template <std::floating_point T>
  [[nodiscard]] SCORESDE_HOST_DEVICE RAdamCoefficients<T> coefficients(std::uint64_t updates,
                                                                       double norm,
                                                                       double ema_decay) const {
    const auto n = static_cast<double>(updates + 1);
    const double correction1 = 1 - std::pow(beta1, n), correction2 = 1 - std::pow(beta2, n);
    const double r = rectification(n);
    return {{T(1 - ema_decay)},
            T(clipping_factor(gradient_clip, norm)),
            T(weight_decay),
            T(1 - beta1),
            T(beta1),
            T(1 - beta2),
            T(beta2),
            T(1 / std::sqrt(correction2)),
            T(epsilon),
            T(learning_rate_at(updates) * (r > 0 ? r : 1) / correction1),
            r > 0};
  }
};

static_assert(Optimizer<RAdam, float> && Optimizer<RAdam, double>);

}  // namespace scoresde
