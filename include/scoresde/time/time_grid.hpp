// SPDX-License-Identifier: MIT
/// TimeGrid: the steps of a sampler, validated on construction.
///
/// A sampler receives pairs (t, t_next) and takes both times of a step from there, so its steps
/// always match the grid.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>

namespace scoresde {

/// One step of a sampler; t_next < t when generating, t_next > t when encoding.
struct TimeStep {
  double t = 0;
  double t_next = 0;
  constexpr bool operator==(const TimeStep&) const = default;
};

/// Returned by observers after each step.
enum class StepAction {
  proceed,
  stop  ///< end the run after this step
};

/// A strictly monotone sequence of steps.
class TimeGrid {
 public:
  /// Consecutive pairs of an explicit list of times. Throws Error unless the list has two or more
  /// finite, strictly monotone entries.
  explicit TimeGrid(const std::vector<double>& times) {
    require(times.size() >= 2, "time grid: ", times.size(), " times given; at least 2 are needed");
    for (std::size_t i = 0; i + 1 < times.size(); ++i) steps_.push_back({times[i], times[i + 1]});
    check();
  }

  /// Explicit steps, for conventions in which t_next is not the next t. Throws Error unless the t
  /// are finite and strictly monotone and all steps have the same direction.
  explicit TimeGrid(std::vector<TimeStep> steps) : steps_(std::move(steps)) {
    require(!steps_.empty(), "time grid: 0 steps given; at least 1 is needed");
    check();
  }

  [[nodiscard]] auto begin() const { return steps_.begin(); }
  [[nodiscard]] auto end() const { return steps_.end(); }
  [[nodiscard]] std::size_t size() const { return steps_.size(); }
  [[nodiscard]] const TimeStep& operator[](std::size_t i) const { return steps_[i]; }
  [[nodiscard]] const TimeStep& front() const { return steps_.front(); }
  [[nodiscard]] const TimeStep& back() const { return steps_.back(); }

  /// True if time decreases, from noise to data.
  [[nodiscard]] bool generates() const { return front().t_next < front().t; }

  /// The same steps in the opposite direction: encoding instead of generating.
  [[nodiscard]] TimeGrid reversed() const {
    std::vector<TimeStep> steps;
    for (auto step = steps_.rbegin(); step != steps_.rend(); ++step)
      steps.push_back({step->t_next, step->t});
    return TimeGrid(std::move(steps));
  }

 private:
  void check() const {
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      const TimeStep& s = steps_[i];
      require(std::isfinite(s.t) && std::isfinite(s.t_next), "time grid: step ", i, " goes from ",
              s.t, " to ", s.t_next, "; times must be finite");
      require(s.t != s.t_next && (s.t_next < s.t) == generates(), "time grid: step ", i,
              " goes from ", s.t, " to ", s.t_next, "; times must be strictly monotone");
      require(i == 0 || (s.t != steps_[i - 1].t && (s.t < steps_[i - 1].t) == generates()),
              "time grid: step ", i, " starts at ", s.t, " after ", steps_[i > 0 ? i - 1 : 0].t,
              "; times must be strictly monotone");
    }
  }

  std::vector<TimeStep> steps_;
};

/// Throws Error for a grid of 0 steps, and for an eps outside [0, t_max).
inline void check_span(std::size_t steps, double eps, double t_max) {
  require(steps >= 1, "time grid: steps is 0; it must be at least 1");
  require(std::isfinite(eps) && eps >= 0 && eps < t_max, "time grid: eps is ", eps,
          "; it must lie in [0, T) with T = ", t_max);
}

/// `steps` equal steps from t_max down to eps. Throws Error for steps = 0 or eps outside [0,
/// t_max).
[[nodiscard]] inline TimeGrid uniform_grid(double t_max, double eps, std::size_t steps) {
  check_span(steps, eps, t_max);
  std::vector<double> times(steps + 1);
  for (std::size_t i = 0; i <= steps; ++i) {
    const double u = static_cast<double>(i) / static_cast<double>(steps);
    times[i] = i == steps ? eps : t_max + u * (eps - t_max);
  }
  return TimeGrid(times);
}

/// Instantiation reports which of t_min and t_max an SDE lacks.
template <class S>
struct TimesArgument {
  static_assert(
      requires(const S& sde) {
        { sde.t_min() } -> std::same_as<double>;
      },
      "SDE: t_min() const is missing or does not return double");
  static_assert(
      requires(const S& sde) {
        { sde.t_max() } -> std::same_as<double>;
      },
      "SDE: t_max() const is missing or does not return double");
  static constexpr bool checked = true;
};

/// The result of a grid without its number of steps: does not compile.
template <class S>
struct StepsMissing {
  static_assert(!std::same_as<S, S>,
                "time grid: the number of steps is missing; it takes (sde, steps) or (t_max, eps, "
                "steps), by log-SNR (sde, t_max, eps, steps), such as uniform_grid(sde, 100)");
};
template <class S>
StepsMissing<S> uniform_grid(const S&);
template <class S>
StepsMissing<S> quadratic_grid(const S&);

/// `steps` equal steps from the SDE's t_max to its t_min.
template <class S>
[[nodiscard]] TimeGrid uniform_grid(const S& sde, std::size_t steps) {
  static_assert(TimesArgument<S>::checked);
  return uniform_grid(sde.t_max(), sde.t_min(), steps);
}

/// `steps` steps from t_max down to eps, uniform in √t, which makes them denser near the data. Lu
/// et al. 2022 (arXiv:2206.00927), appendix D. Throws Error as uniform_grid does.
[[nodiscard]] inline TimeGrid quadratic_grid(double t_max, double eps, std::size_t steps) {
  check_span(steps, eps, t_max);
  const double first = std::sqrt(t_max), last = std::sqrt(eps);
  std::vector<double> times(steps + 1);
  for (std::size_t i = 0; i <= steps; ++i) {
    const double u = static_cast<double>(i) / static_cast<double>(steps);
    const double root = first + u * (last - first);
    times[i] = i == steps ? eps : (i == 0 ? t_max : root * root);
  }
  return TimeGrid(times);
}

/// From the SDE's t_max to its t_min.
template <class S>
[[nodiscard]] TimeGrid quadratic_grid(const S& sde, std::size_t steps) {
  static_assert(TimesArgument<S>::checked);
  return quadratic_grid(sde.t_max(), sde.t_min(), steps);
}

/// The grid of score_sde's samplers: t on linspace(t_max, eps, steps), but every step has length
/// t_max/steps, which is not the spacing of the list; the last step starts at eps. Use it to
/// reproduce the results of Song et al., uniform_grid otherwise. Throws Error as uniform_grid does.
[[nodiscard]] inline TimeGrid score_sde_grid(double t_max, double eps, std::size_t steps) {
  check_span(steps, eps, t_max);
  const double h = t_max / static_cast<double>(steps);
  std::vector<TimeStep> list(steps);
  for (std::size_t i = 0; i < steps; ++i) {
    const double u = steps > 1 ? static_cast<double>(i) / static_cast<double>(steps - 1) : 0.0;
    const double t = i + 1 == steps && steps > 1 ? eps : t_max + u * (eps - t_max);
    list[i] = {t, t - h};
  }
  return TimeGrid(std::move(list));
}

/// The grid with a step to noise-free data at t = 0 appended, as k-diffusion's lists of σ end in 0;
/// for samplers whose last step goes to the data (FinalStep::to_data). Throws Error for a grid that
/// increases or ends at 0 already.
[[nodiscard]] inline TimeGrid extended_to_data(const TimeGrid& grid) {
  require(grid.generates() && grid.back().t_next > 0, "time grid: it goes from ", grid.front().t,
          " to ", grid.back().t_next,
          "; it must decrease and end above 0 to be extended to the data");
  std::vector<TimeStep> steps(grid.begin(), grid.end());
  steps.push_back({grid.back().t_next, 0});
  return TimeGrid(std::move(steps));
}

/// A rectified-flow grid with its times moved towards the noise, t ↦ a t/(1 + (a − 1) t): the
/// static flow shift of Esser et al. 2024 (arXiv:2403.03206), eq. 23, for images of higher
/// resolution than a = 1 was meant for. Throws Error unless the shift is positive and finite and
/// the times lie in [0, 1].
[[nodiscard]] inline TimeGrid flow_shifted(const TimeGrid& grid, double shift) {
  require(shift > 0 && std::isfinite(shift), "flow shift: shift is ", shift,
          "; it must be positive and finite");
  const auto moved = [shift](double t) {
    require(t >= 0 && t <= 1, "flow shift: the grid reaches t = ", t, "; it must lie in [0, 1]");
    return shift * t / (1 + (shift - 1) * t);
  };
  std::vector<TimeStep> steps;
  for (const TimeStep& step : grid) steps.push_back({moved(step.t), moved(step.t_next)});
  return TimeGrid(std::move(steps));
}

}  // namespace scoresde
