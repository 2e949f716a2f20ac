// SPDX-License-Identifier: MIT
/// Exponential moving average of the parameters, with which samples are drawn.
///
///   average ← d·average + (1 − d)·parameters,   d = min(decay, (1 + n)/(10 + n))
///
/// after update n = 1, 2, …; the ramp forgets the initial parameters sooner (Song et al. 2021,
/// arXiv:2011.13456, appendix F and its PyTorch code). EmaSchedule::constant keeps d = decay.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

#include <scoresde/error.hpp>
#include <scoresde/host_device.hpp>

namespace scoresde {

enum class EmaSchedule { ramp, constant };

struct ExponentialMovingAverage {
  double decay = 0.9999;
  EmaSchedule schedule = EmaSchedule::ramp;

  /// Throws Error unless 0 ≤ decay < 1.
  void check() const {
    detail::require(decay >= 0 && decay < 1, "EMA: decay is ", decay, "; it must lie in [0, 1)");
  }

  /// d of update n, counted from 1.
  [[nodiscard]] SCORESDE_HOST_DEVICE double decay_at(std::uint64_t n) const {
    if (schedule == EmaSchedule::constant) return decay;
    const auto count = static_cast<double>(n);
    const double ramp = (1 + count) / (10 + count);
    return ramp < decay ? ramp : decay;
  }

  /// One update on its own; Adam::update does it in its one pass. Throws Error on unequal sizes.
  template <std::floating_point T>
  void update(std::span<T> average, std::span<const T> parameters, std::uint64_t n) const {
    detail::require(average.size() == parameters.size(), "EMA: the average has ", average.size(),
                    " scalars, the parameters ", parameters.size());
    const T rate = static_cast<T>(1 - decay_at(n));
    for (std::size_t i = 0; i < average.size(); ++i)
      average[i] += rate * (parameters[i] - average[i]);
  }
};

}  // namespace scoresde
