// SPDX-License-Identifier: MIT
/// What optimizers share: the learning rate's schedule, and clipping by global norm.
///
///   rate(n) = lr·min(n/warm_up, 1)·schedule(n)·decay(n) after n updates
///   clip(‖g‖) = min(1, limit/(‖g‖ + 10⁻⁶))
///
/// Warm-up follows score_sde: the first update has the rate 0, so it changes moments but not
/// parameters. Clipping as in Pascanu et al. 2013.
#pragma once

#include <cmath>
#include <cstdint>

#include <scoresde/error.hpp>
#include <scoresde/fma.hpp>
#include <scoresde/host_device.hpp>

namespace scoresde {

enum class RateSchedule { constant, cosine, inverse_sqrt };

namespace detail {

/// sin(πx/2) for 0 ≤ x ≤ 1/2 by its Taylor polynomial; std::sin has other last bits on a device,
/// and a slow path with a stack.
[[nodiscard]] SCORESDE_HOST_DEVICE inline double quarter_sine(double x) {
  const double y = 1.5707963267948966 * x, s = y * y;
  double p = -1 / 1307674368000.0;
  p = scoresde::fma(p, s, 1 / 6227020800.0);
  p = scoresde::fma(p, s, -1 / 39916800.0);
  p = scoresde::fma(p, s, 1 / 362880.0);
  p = scoresde::fma(p, s, -1 / 5040.0);
  p = scoresde::fma(p, s, 1 / 120.0);
  p = scoresde::fma(p, s, -1 / 6.0);
  return scoresde::fma(y * s, p, y);
}

}  // namespace detail

/// The shape of the learning rate after the warm-up.
///
///   cosine        floor + (1 − floor)·(1 + cos(π·min(n/N, 1)))/2      Loshchilov and Hutter 2017
///   inverse_sqrt  √(N/max(n, N))                                      Karras et al. 2024
///
/// arXiv:1608.03983, equation 5 without restarts, and arXiv:2312.02696. Values are bit-identical on
/// the host and a device.
struct LearningRateSchedule {
  RateSchedule name = RateSchedule::constant;
  std::uint64_t updates = 0;  ///< N: length of the cosine, or updates before the decrease
  double floor = 0;           ///< of the cosine, relative to the learning rate

  /// Throws Error for an N of 0 where it is used and for a floor outside [0, 1], and for either of
  /// them where it is not.
  void validate() const {
    const bool constant = name == RateSchedule::constant;
    require(constant == (updates == 0), "learning rate schedule: updates is ", updates,
            constant ? "; it must be 0 for a constant rate" : "; it must be positive");
    require(floor >= 0 && floor <= 1, "learning rate schedule: floor is ", floor,
            "; it must lie in [0, 1]");
    require(floor == 0 || name == RateSchedule::cosine, "learning rate schedule: floor is ", floor,
            "; it must be 0 for a schedule other than cosine");
  }

  /// The factor of the learning rate after n updates.
  [[nodiscard]] SCORESDE_HOST_DEVICE double factor_at(std::uint64_t n) const {
    if (name == RateSchedule::constant) return 1;
    if (name == RateSchedule::inverse_sqrt)
      return n > updates ? std::sqrt(static_cast<double>(updates) / static_cast<double>(n)) : 1;
    if (n >= updates) return floor;
    return scoresde::fma(1 - floor, half_cosine(n), floor);
  }

  bool operator==(const LearningRateSchedule&) const = default;

 private:
  /// (1 + cos(πn/N))/2 for n ≤ N: 1 − sin²(πn/(2N)), which is sin²(π(N − n)/(2N)).
  [[nodiscard]] SCORESDE_HOST_DEVICE double half_cosine(std::uint64_t n) const {
    const std::uint64_t left = updates - n;
    const double sine = detail::quarter_sine(static_cast<double>(n < left ? n : left) /
                                             static_cast<double>(updates));
    return n < left ? scoresde::fma(-sine, sine, 1.0) : sine * sine;
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

/// The rate after `updates` updates, with a linear warm-up of that many, a schedule and a decay.
[[nodiscard]] SCORESDE_HOST_DEVICE inline double scheduled_rate(
    double learning_rate, std::uint64_t warm_up, const LearningRateSchedule& schedule,
    const LearningRateDecay& decay, std::uint64_t updates) {
  const double rate = learning_rate * schedule.factor_at(updates) * decay.factor_at(updates);
  if (updates >= warm_up) return rate;
  return rate * static_cast<double>(updates) / static_cast<double>(warm_up);
}

/// min(1, limit/(norm + 10⁻⁶)); 1 for an infinite limit.
[[nodiscard]] SCORESDE_HOST_DEVICE inline double clipping_factor(double limit, double norm) {
  if (std::isinf(limit)) return 1;
  const double factor = limit / (norm + 1e-6);
  return factor < 1 ? factor : 1;
}

namespace detail {

/// Throws Error naming the setting of an optimizer that is out of range.
template <class O>
void validate_schedule(const char* name, const O& o) {
  require(o.learning_rate > 0 && std::isfinite(o.learning_rate), name, ": learning_rate is ",
          o.learning_rate, "; it must be positive");
  require(o.weight_decay >= 0, name, ": weight_decay is ", o.weight_decay,
          "; it must be at least 0");
  require(o.gradient_clip > 0, name, ": gradient_clip is ", o.gradient_clip,
          "; it must be positive (infinity for none)");
  o.schedule.validate();
}

/// Throws Error unless both decay rates of moments lie in [0, 1) and ε > 0.
template <class O>
void validate_moments(const char* name, const O& o) {
  require(o.beta1 >= 0 && o.beta1 < 1, name, ": beta1 is ", o.beta1, "; it must lie in [0, 1)");
  require(o.beta2 >= 0 && o.beta2 < 1, name, ": beta2 is ", o.beta2, "; it must lie in [0, 1)");
  require(o.epsilon > 0, name, ": epsilon is ", o.epsilon, "; it must be positive");
}

}  // namespace detail
}  // namespace scoresde
