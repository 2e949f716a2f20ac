// SPDX-License-Identifier: MIT
/// Optimizer: a rule that updates parameters from a gradient, fused with the EMA in one pass.
///
///   (θ, m, v) ← rule(θ, m, v, g),   average ← average + (1 − d)(θ − average)
///
/// The rule is the coefficients of one update, computed once from its number and the gradient's
/// norm, and a function of one element. Clipping, warm-up, schedule and average enter through the
/// coefficients, so they cost no pass of their own.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

#include <scoresde/error.hpp>
#include <scoresde/host_device.hpp>
#include <scoresde/optim/gradient_norm.hpp>

namespace scoresde {

/// The flat buffers of equal layout that an update writes. `average` may be empty.
template <std::floating_point T>
struct ParameterBuffers {
  std::span<T> parameters, first_moment, second_moment, average{};
};

/// The part of an update's coefficients that is common to all optimizers.
template <std::floating_point T>
struct AverageCoefficients {
  T average_rate;  ///< 1 − d

  SCORESDE_HOST_DEVICE SCORESDE_ALWAYS_INLINE void move_average(T& average, T theta) const {
    average += average_rate * (theta - average);
  }
};

/// The coefficients of an update, rounded to T once, as a function of one element; the same source
/// for host and device.
template <class C, class T>
concept UpdateCoefficients = std::is_trivially_copyable_v<C> &&
    requires(const C& c, T& theta, T& m, T& v, T& average, T gradient) {
  c.update(theta, m, v, gradient);
  c.move_average(average, theta);
};

/// `coefficients<T>(updates, norm, d)` are those of the update after `updates` others, for a
/// gradient of that norm and an average that decays with d. An optimizer without second moment
/// leaves v unchanged.
template <class O, class T = float>
concept Optimizer = std::copyable<O> &&
    requires(const O& optimizer, std::uint64_t updates, double norm, double ema_decay) {
  optimizer.validate();
  { optimizer.learning_rate_at(updates) } -> std::same_as<double>;
  { optimizer.template coefficients<T>(updates, norm, ema_decay) } -> UpdateCoefficients<T>;
};

/// The coefficients of an optimizer.
template <class O, std::floating_point T>
using CoefficientsOf =
    decltype(std::declval<const O&>().template coefficients<T>(std::uint64_t{}, 0.0, 0.0));

namespace detail {

template <class C, class T>
void update_block(const C& c, const ParameterBuffers<T>& state, std::span<const T> gradient,
                  std::size_t first, std::size_t last) {
  T* const theta = state.parameters.data();
  T* const m = state.first_moment.data();
  T* const v = state.second_moment.data();
  T* const average = state.average.empty() ? nullptr : state.average.data();
  for (std::size_t i = first; i < last; ++i) c.update(theta[i], m[i], v[i], gradient[i]);
  if (average == nullptr) return;
  for (std::size_t i = first; i < last; ++i) c.move_average(average[i], theta[i]);
}

}  // namespace detail

/// The update after `updates` others, for a gradient of norm `norm`; the average, if any, decays
/// with `ema_decay` towards the new parameters. One pass over memory; the result does not depend on
/// the number of threads. Throws Error when sizes differ.
template <std::floating_point T, Optimizer<T> O>
void update_parameters(const O& optimizer, ParameterBuffers<T> state, std::span<const T> gradient,
                       std::uint64_t updates, double norm, double ema_decay = 0) {
  const std::size_t size = gradient.size();
  require(state.parameters.size() == size && state.first_moment.size() == size &&
              state.second_moment.size() == size &&
              (state.average.empty() || state.average.size() == size),
          "optimizer: the gradient has ", size, " scalars; parameters have ",
          state.parameters.size(), ", moments ", state.first_moment.size(), " and ",
          state.second_moment.size(), ", the average ", state.average.size());
  const auto c = optimizer.template coefficients<T>(updates, norm, ema_decay);
  const std::size_t blocks = (size + detail::flat_block - 1) / detail::flat_block;
#if defined(_OPENMP)
#pragma omp parallel for schedule(static)
#endif
  for (std::size_t b = 0; b < blocks; ++b) {
    const std::size_t first = b * detail::flat_block;
    detail::update_block(c, state, gradient, first, std::min(first + detail::flat_block, size));
  }
}

}  // namespace scoresde
