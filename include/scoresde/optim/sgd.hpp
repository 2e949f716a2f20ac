// SPDX-License-Identifier: MIT
/// Sgd: gradient descent with momentum.
///
///   g ← min(1, clip/(‖g‖ + 10⁻⁶))·g + weight_decay·θ,   m ← μm + g
///   θ ← θ − lr·m, or θ − lr·(g + μm) with Nesterov's momentum
///
/// Polyak 1964; Nesterov's form as in Sutskever et al. 2013, section 2, written for the parameters
/// at the point of the gradient.
#pragma once

#include <concepts>
#include <cstdint>

#include <scoresde/error.hpp>
#include <scoresde/host_device.hpp>
#include <scoresde/optim/optimizer.hpp>
#include <scoresde/optim/schedule.hpp>

namespace scoresde {

/// Constants of one update, and the update of one element: θ ← θ − rate·(a·m + b·g).
template <std::floating_point T>
struct SgdCoefficients : AverageCoefficients<T> {
  T clip, decay, momentum, of_moment, of_gradient, rate;

  SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE void update(T& theta, T& m, T&, T gradient) const {
    const T g = clip * gradient + decay * theta;
    m = momentum * m + g;
    theta -= rate * (of_moment * m + of_gradient * g);
  }
};

struct Sgd {
  double learning_rate = 1e-2;
  double momentum = 0.9;      ///< μ; 0: plain gradient descent
  bool nesterov = false;      ///< Nesterov's momentum
  double weight_decay = 0;    ///< added to the gradient (L2)
  std::uint64_t warm_up = 0;  ///< updates; 0: no warm-up
  double gradient_clip = 1;   ///< maximum ‖g‖₂; infinity: no clipping
  LearningRateDecay decay{};
  LearningRateSchedule schedule{};

  /// Throws Error naming the setting that is out of range.
  void validate() const {
    detail::validate_schedule("SGD", *this);
    require(momentum >= 0 && momentum < 1, "SGD: momentum is ", momentum,
            "; it must lie in [0, 1)");
  }

  /// Learning rate after `updates` updates.
  [[nodiscard]] SCORESDE_HOST_DEVICE double learning_rate_at(std::uint64_t updates) const {
    return scheduled_rate(learning_rate, warm_up, schedule, decay, updates);
  }

  /// Coefficients of the update after `updates` others, for a gradient of norm `norm`.
  template <std::floating_point T>
  [[nodiscard]] SCORESDE_HOST_DEVICE SgdCoefficients<T> coefficients(std::uint64_t updates,
                                                                     double norm,
                                                                     double ema_decay) const {
    return {{T(1 - ema_decay)},
            T(clipping_factor(gradient_clip, norm)),
            T(weight_decay),
            T(momentum),
            T(nesterov ? momentum : 1),
            T(nesterov ? 1 : 0),
            T(learning_rate_at(updates))};
  }
};

static_assert(Optimizer<Sgd, float> && Optimizer<Sgd, double>);

}  // namespace scoresde
