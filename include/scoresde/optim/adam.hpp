// SPDX-License-Identifier: MIT
/// Adam with warm-up and clipping by global norm, fused with the EMA.
///
///   g ← min(1, clip/(‖g‖ + 10⁻⁶))·g + weight_decay·θ
///   m ← β₁m + (1 − β₁)g,   v ← β₂v + (1 − β₂)g²
///   θ ← θ − lr·(m/(1 − β₁ⁿ)) / (√(v/(1 − β₂ⁿ)) + ε),   n = 1, 2, …
///
/// Kingma and Ba 2015 (arXiv:1412.6980), algorithm 1; clipping as in Pascanu et al. 2013. Warm-up
/// follows score_sde: lr·min((n − 1)/warm_up, 1), so the first update changes the moments but not
/// the parameters. An optional decay lowers the rate linearly to 0.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include <scoresde/error.hpp>
#include <scoresde/host_device.hpp>
#include <scoresde/optim/gradient_norm.hpp>

namespace scoresde {

/// The flat buffers of equal layout that an update writes. `average` may be empty.
template <std::floating_point T>
struct ParameterBuffers {
  std::span<T> parameters, first_moment, second_moment, average{};
};

/// Constants of one update, rounded to T once, and the update of one element; the same source for
/// host and device.
template <std::floating_point T>
struct AdamCoefficients {
  T clip, decay, take1, keep1, take2, keep2, root_correction, epsilon, rate, average_rate;

  SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE void update(T& theta, T& m, T& v, T gradient) const {
    const T g = clip * gradient + decay * theta;
    m = keep1 * m + take1 * g;
    v = keep2 * v + take2 * (g * g);
    theta -= rate * (m / (std::sqrt(v) * root_correction + epsilon));
  }
  SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE void move_average(T& average, T theta) const {
    average += average_rate * (theta - average);
  }
};

/// The final part of a run, in which the learning rate decays. With a constant rate the length of a
/// run need not be fixed in advance; if the rate decays to 0 over about the last tenth of the run,
/// the loss reaches that of a schedule planned from the start (Hägele et al. 2024,
/// arXiv:2405.18392).
struct LearningRateDecay {
  std::uint64_t first = 0;    ///< updates before the decay
  std::uint64_t updates = 0;  ///< length of the decay; 0: no decay

  /// Number of updates after which the rate is 0.
  [[nodiscard]] SCORESDE_HOST_DEVICE std::uint64_t end() const { return first + updates; }

  /// min(1, (end − n)/updates) after n updates; 0 past the end.
  [[nodiscard]] SCORESDE_HOST_DEVICE double factor_at(std::uint64_t n) const {
    if (updates == 0 || n <= first) return 1;
    if (n >= end()) return 0;
    return static_cast<double>(end() - n) / static_cast<double>(updates);
  }

  bool operator==(const LearningRateDecay&) const = default;
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

  /// Throws Error naming the setting that is out of range.
  void validate() const {
    require(learning_rate > 0 && std::isfinite(learning_rate), "Adam: learning_rate is ",
            learning_rate, "; it must be positive");
    require(beta1 >= 0 && beta1 < 1, "Adam: beta1 is ", beta1, "; it must lie in [0, 1)");
    require(beta2 >= 0 && beta2 < 1, "Adam: beta2 is ", beta2, "; it must lie in [0, 1)");
    require(epsilon > 0, "Adam: epsilon is ", epsilon, "; it must be positive");
    require(weight_decay >= 0, "Adam: weight_decay is ", weight_decay, "; it must be at least 0");
    require(gradient_clip > 0, "Adam: gradient_clip is ", gradient_clip,
            "; it must be positive (infinity for none)");
  }

  /// Learning rate after `updates` updates.
  [[nodiscard]] SCORESDE_HOST_DEVICE double learning_rate_at(std::uint64_t updates) const {
    const double rate = learning_rate * decay.factor_at(updates);
    if (updates >= warm_up) return rate;
    return rate * static_cast<double>(updates) / static_cast<double>(warm_up);
  }

  /// min(1, clip/(norm + 10⁻⁶)).
  [[nodiscard]] SCORESDE_HOST_DEVICE double clip_factor(double norm) const {
    if (std::isinf(gradient_clip)) return 1;
    const double factor = gradient_clip / (norm + 1e-6);
    return factor < 1 ? factor : 1;
  }

  /// Coefficients of the update after `updates` others, for a gradient of norm `norm`.
  template <std::floating_point T>
  [[nodiscard]] SCORESDE_HOST_DEVICE AdamCoefficients<T> coefficients(std::uint64_t updates,
                                                                      double norm,
                                                                      double ema_decay) const {
    const auto n = static_cast<double>(updates + 1);
    const double correction1 = 1 - std::pow(beta1, n), correction2 = 1 - std::pow(beta2, n);
    return {T(clip_factor(norm)),
            T(weight_decay),
            T(1 - beta1),
            T(beta1),
            T(1 - beta2),
            T(beta2),
            T(1 / std::sqrt(correction2)),
            T(epsilon),
            T(learning_rate_at(updates) / correction1),
            T(1 - ema_decay)};
  }

  /// The update after `updates` others, for a gradient of norm `norm`; the average, if any, decays
  /// with `ema_decay` towards the new parameters. One pass over memory; the result does not depend
  /// on the number of threads. Throws Error when sizes differ.
  template <std::floating_point T>
  void update(ParameterBuffers<T> state, std::span<const T> gradient, std::uint64_t updates,
              double norm, double ema_decay = 0) const {
    const std::size_t size = gradient.size();
    require(state.parameters.size() == size && state.first_moment.size() == size &&
                state.second_moment.size() == size &&
                (state.average.empty() || state.average.size() == size),
            "Adam: the gradient has ", size, " scalars; parameters have ", state.parameters.size(),
            ", moments ", state.first_moment.size(), " and ", state.second_moment.size(),
            ", the average ", state.average.size());
    const AdamCoefficients<T> c = coefficients<T>(updates, norm, ema_decay);
    const std::size_t blocks = (size + detail::flat_block - 1) / detail::flat_block;
#if defined(_OPENMP)
#pragma omp parallel for schedule(static)
#endif
    for (std::size_t b = 0; b < blocks; ++b) {
      const std::size_t first = b * detail::flat_block;
      update_block(c, state, gradient, first, std::min(first + detail::flat_block, size));
    }
  }

 private:
  template <class T>
  static void update_block(const AdamCoefficients<T>& c, const ParameterBuffers<T>& state,
                           std::span<const T> gradient, std::size_t first, std::size_t last) {
    T* const theta = state.parameters.data();
    T* const m = state.first_moment.data();
    T* const v = state.second_moment.data();
    T* const average = state.average.empty() ? nullptr : state.average.data();
    for (std::size_t i = first; i < last; ++i) c.update(theta[i], m[i], v[i], gradient[i]);
    if (average == nullptr) return;
    for (std::size_t i = first; i < last; ++i) c.move_average(average[i], theta[i]);
  }
};

}  // namespace scoresde
