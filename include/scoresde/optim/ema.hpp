// SPDX-License-Identifier: MIT
/// Exponential moving average of the parameters; the averaged network is used for sampling.
///
///   average ← d·average + (1 − d)·parameters,   d = min(decay, (1 + n)/(10 + n))
///
/// after update n = 1, 2, …; the ramp discounts the initial parameters faster (Song et al. 2021,
/// arXiv:2011.13456, appendix F and its PyTorch code). EmaSchedule::constant has d = decay.
/// EmaSchedule::power has a width proportional to the length of the run:
///
///   d = (1 − 1/n)^(γ + 1),   average after N updates = Σ_n ((n^(γ+1) − (n−1)^(γ+1))/N^(γ+1))·θ_n
///   σ_rel = (γ + 1)^(1/2)·(γ + 2)^(−1)·(γ + 3)^(−1/2)
///
/// σ_rel is the standard deviation of the profile t^γ on [0, N], relative to N (Karras et al. 2024,
/// arXiv:2312.02696, eq. 1 and 2 and appendix C). Two such averages stored during a run can
/// approximate the average of any other profile afterwards.
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

#include <scoresde/error.hpp>
#include <scoresde/host_device.hpp>

namespace scoresde {

/// σ_rel of the profile t^γ, γ > −1.
[[nodiscard]] inline double ema_sigma_rel(double gamma) {
  return std::sqrt((gamma + 1) / (gamma + 3)) / (gamma + 2);
}

/// The γ ≥ 0 whose profile has this σ_rel. Throws Error unless 0 < σ_rel ≤ 12^(−1/2), the width of
/// the uniform profile.
[[nodiscard]] inline double ema_gamma(double sigma_rel) {
  require(sigma_rel > 0 && sigma_rel <= ema_sigma_rel(0), "EMA: sigma_rel is ", sigma_rel,
          "; it must be above 0 and at most ", ema_sigma_rel(0));
  // σ_rel < 1/(γ + 2), and it decreases where γ ≥ 0.
  double low = 0, high = 1 / sigma_rel;
  for (double middle = high / 2; low < middle && middle < high; middle = low + (high - low) / 2)
    (ema_sigma_rel(middle) > sigma_rel ? low : high) = middle;
  return low;
}

enum class EmaSchedule { ramp, constant, power };

struct ExponentialMovingAverage {
  double decay = 0.9999;  ///< of ramp and constant
  EmaSchedule schedule = EmaSchedule::ramp;
  double gamma = 0;  ///< γ of power

  /// The power-function profile of this relative width. Throws Error as ema_gamma does.
  [[nodiscard]] static ExponentialMovingAverage power(double sigma_rel) {
    return {.decay = 0, .schedule = EmaSchedule::power, .gamma = ema_gamma(sigma_rel)};
  }

  /// Throws Error unless 0 ≤ decay < 1 and γ is finite and at least 0.
  void validate() const {
    require(decay >= 0 && decay < 1, "EMA: decay is ", decay, "; it must lie in [0, 1)");
    require(gamma >= 0 && std::isfinite(gamma), "EMA: gamma is ", gamma,
            "; it must be at least 0 and finite");
  }

  /// d of update n, counted from 1.
  [[nodiscard]] SCORESDE_HOST_DEVICE double decay_at(std::uint64_t n) const {
    if (schedule == EmaSchedule::constant) return decay;
    const auto count = static_cast<double>(n);
    if (schedule == EmaSchedule::power) return std::pow(1 - 1 / count, gamma + 1);
    const double ramp = (1 + count) / (10 + count);
    return ramp < decay ? ramp : decay;
  }

  /// One separate update; update_parameters includes it in its own pass. Throws Error on unequal
  /// sizes.
  template <std::floating_point T>
  void update(std::span<T> average, std::span<const T> parameters, std::uint64_t n) const {
    const std::size_t size = parameters.size();
    require(average.size() == size, "EMA: the average has ", average.size(),
            " scalars and the parameters ", size);
    const T rate = static_cast<T>(1 - decay_at(n));
#if defined(_OPENMP)
#pragma omp parallel for schedule(static)
#endif
    for (std::size_t i = 0; i < size; ++i) average[i] += rate * (parameters[i] - average[i]);
  }

  bool operator==(const ExponentialMovingAverage&) const = default;
};

}  // namespace scoresde
