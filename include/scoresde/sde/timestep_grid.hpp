// SPDX-License-Identifier: MIT
/// Grids over the training levels, with the timestep spacings of diffusers' schedulers.
///
///   n of N timesteps (labels 0 … N − 1), in descending order:
///   leading    k·⌊N/n⌋ + offset        linspace   k(N − 1)/(n − 1), rounded
///   trailing   N − k·N/n − 1, rounded
///
/// N = training_steps() counts the levels of positive SNR: for a list of betas with zero terminal
/// SNR it is one less than diffusers' num_train_timesteps, so there the timesteps differ.
/// Lin et al. 2023 (arXiv:2305.08891), table 2, name the spacings. diffusers steps from one
/// timestep to the next in four ways, so there are four grids. DDPM steps to the next timestep
/// (consecutive_timestep_grid). DDIM and PNDM step down by ⌊N/n⌋ regardless of the next timestep
/// (strided_timestep_grid). The multistep schedulers step to the next timestep of a list with one
/// more entry (timestep_grid). Euler, Heun, LMS and DPM-2 step along σ/α, where linspace is not
/// rounded (sigma_timestep_grid).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include <scoresde/sde/discrete_sde.hpp>
#include <scoresde/time/log_snr.hpp>
#include <scoresde/time/time_grid.hpp>

namespace scoresde {

enum class TimestepSpacing { leading, linspace, trailing };

struct TimestepOptions {
  TimestepSpacing spacing = TimestepSpacing::leading;
  /// Added to every timestep of `leading`.
  std::size_t steps_offset = 0;
  /// End the grid at the data, t = 0 (set_alpha_to_one; final_sigmas_type zero), instead of at the
  /// level of timestep 0 (sigma_min).
  bool to_data = true;
};

namespace detail {

/// Rounds half to even, as numpy does.
[[nodiscard]] inline std::size_t rounded_timestep(double value) {
  const double floor = std::floor(value), rest = value - floor;
  const bool up = rest > 0.5 || (rest == 0.5 && std::fmod(floor, 2) == 1);
  return static_cast<std::size_t>(floor) + (up ? 1 : 0);
}

inline void require_timesteps(std::size_t levels, std::size_t steps, std::size_t largest) {
  require(steps >= 1 && steps <= levels, "timesteps: steps is ", steps, "; it must lie in [1, ",
          levels, "], the number of training levels");
  require(largest < levels, "timesteps: the first is ", largest, "; the last level is ",
          levels - 1);
}

/// The step from each time to the next, and from the last one to `end` unless it equals `end`.
[[nodiscard]] inline TimeGrid steps_through(std::vector<double> times, double end) {
  if (times.back() > end) times.push_back(end);
  return TimeGrid(times);
}

template <DiscreteSde S>
[[nodiscard]] double end_of(const S& sde, const TimestepOptions& options) {
  return options.to_data ? 0 : sde.training_time(0);
}

template <DiscreteSde S>
[[nodiscard]] std::vector<double> training_times(const S& sde,
                                                 const std::vector<std::size_t>& timesteps) {
  std::vector<double> times;
  for (const std::size_t label : timesteps) times.push_back(sde.training_time(label));
  return times;
}

}  // namespace detail

/// `steps` of the `levels` timesteps in descending order, as in DDPM, DDIM, PNDM and the schedulers
/// along σ. Throws Error for steps outside 1 … levels or an offset that exceeds the last level.
[[nodiscard]] inline std::vector<std::size_t> spaced_timesteps(std::size_t levels,
                                                               std::size_t steps,
                                                               TimestepOptions options = {}) {
  detail::require_timesteps(levels, steps, 0);
  const auto count = static_cast<double>(levels), n = static_cast<double>(steps);
  std::vector<std::size_t> timesteps(steps);
  for (std::size_t k = 0; k < steps; ++k) {
    const std::size_t up = steps - 1 - k;
    if (options.spacing == TimestepSpacing::leading)
      timesteps[k] = up * (levels / steps) + options.steps_offset;
    else if (options.spacing == TimestepSpacing::linspace)
      timesteps[k] =
          steps == 1 ? 0
                     : detail::rounded_timestep(static_cast<double>(up) * (count - 1) / (n - 1));
    else
      timesteps[k] = detail::rounded_timestep(count - static_cast<double>(k) * count / n) - 1;
  }
  detail::require_timesteps(levels, steps, timesteps.front());
  return timesteps;
}

/// `steps` timesteps in descending order, as in diffusers' multistep schedulers: for leading and
/// linspace, steps + 1 timesteps without the last; trailing as above. Throws Error as
/// spaced_timesteps does, and for steps = levels unless trailing.
[[nodiscard]] inline std::vector<std::size_t> multistep_timesteps(std::size_t levels,
                                                                  std::size_t steps,
                                                                  TimestepOptions options = {}) {
  if (options.spacing == TimestepSpacing::trailing) return spaced_timesteps(levels, steps, options);
  require(steps >= 1 && steps < levels, "timesteps: steps is ", steps,
          "; with leading or linspace spacing, the multistep schedulers need 1 to ", levels - 1);
  std::vector<std::size_t> timesteps = spaced_timesteps(levels, steps + 1, options);
  timesteps.pop_back();
  return timesteps;
}

/// The grid of DDPM: from each of spaced_timesteps to the next, then to the grid's end. Throws
/// Error as spaced_timesteps does.
template <class S>
[[nodiscard]] TimeGrid consecutive_timestep_grid(const S& sde, std::size_t steps,
                                                 TimestepOptions options = {}) {
  static_assert(detail::DiscreteArgument<S>::checked);
  return detail::steps_through(
      detail::training_times(sde, spaced_timesteps(sde.training_steps(), steps, options)),
      detail::end_of(sde, options));
}

/// The grid of DDIM and PNDM: each step goes from a timestep down by ⌊N/steps⌋ (with
/// linspace, this is not where the next step starts), or to the grid's end if that is below
/// timestep 0. A last step of length 0 (to_data = false, offset 0) is omitted. Throws Error as
/// spaced_timesteps does.
template <class S>
[[nodiscard]] TimeGrid strided_timestep_grid(const S& sde, std::size_t steps,
                                             TimestepOptions options = {}) {
  static_assert(detail::DiscreteArgument<S>::checked);
  const std::size_t stride = sde.training_steps() / std::max<std::size_t>(steps, 1);
  std::vector<TimeStep> list;
  for (const std::size_t label : spaced_timesteps(sde.training_steps(), steps, options)) {
    const double t = sde.training_time(label);
    const double next =
        label >= stride ? sde.training_time(label - stride) : detail::end_of(sde, options);
    if (next < t) list.push_back({t, next});
  }
  return TimeGrid(std::move(list));
}

/// The grid of diffusers' multistep schedulers (DPMSolverMultistep, UniPC, DEIS, SASolver): from
/// each of multistep_timesteps to the next, then to the grid's end. Throws Error as
/// spaced_timesteps does, and for steps = levels unless trailing.
template <class S>
[[nodiscard]] TimeGrid timestep_grid(const S& sde, std::size_t steps,
                                     TimestepOptions options = {}) {
  static_assert(detail::DiscreteArgument<S>::checked);
  const auto timesteps = multistep_timesteps(sde.training_steps(), steps, options);
  return detail::steps_through(detail::training_times(sde, timesteps),
                               detail::end_of(sde, options));
}

/// The grid of diffusers' schedulers along σ (Euler, Heun, LMS, DPM-2): from each of
/// spaced_timesteps to the next, then to the grid's end. linspace is not rounded; σ/α is
/// interpolated linearly between levels. Throws Error as spaced_timesteps does.
template <class S>
[[nodiscard]] TimeGrid sigma_timestep_grid(const S& sde, std::size_t steps,
                                           TimestepOptions options = {}) {
  static_assert(detail::DiscreteArgument<S>::checked);
  const std::size_t levels = sde.training_steps();
  if (options.spacing != TimestepSpacing::linspace || steps < 2)
    return consecutive_timestep_grid(sde, steps, options);
  detail::require_timesteps(levels, steps, 0);
  const auto sigma = [&](std::size_t label) {
    return std::exp(-0.5 * log_snr(sde, sde.training_time(label)));
  };
  std::vector<double> times;
  for (std::size_t up = steps; up-- > 0;) {
    const double position =
        static_cast<double>(up) * static_cast<double>(levels - 1) / static_cast<double>(steps - 1);
    const auto below = std::min(static_cast<std::size_t>(position), levels - 2);
    const double past = position - static_cast<double>(below);
    times.push_back(
        past == 0 ? sde.training_time(below)
        : past == 1
            ? sde.training_time(below + 1)
            : time_of_log_snr(sde, -2 * std::log(std::lerp(sigma(below), sigma(below + 1), past))));
  }
  return detail::steps_through(std::move(times), detail::end_of(sde, options));
}

}  // namespace scoresde
