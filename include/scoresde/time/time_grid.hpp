// SPDX-License-Identifier: MIT
/// TimeGrid: the steps a sampler takes, checked once when made.
///
/// A sampler consumes pairs (t, t_next) and has no other way to know where it goes next, so a step
/// can never disagree with the grid.
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

/// What whoever watches a run wants after a step.
enum class StepAction {
  proceed,
  stop  ///< end the run here, cleanly
};

/// A strictly monotone sequence of steps.
class TimeGrid {
 public:
  /// Consecutive pairs of an explicit list of times. Throws Error unless the list has two or more
  /// finite, strictly monotone entries.
  explicit TimeGrid(const std::vector<double>& times) {
    detail::require(times.size() >= 2, "time grid: ", times.size(),
                    " times given; at least 2 are needed (1 step)");
    for (std::size_t i = 0; i + 1 < times.size(); ++i) steps_.push_back({times[i], times[i + 1]});
    check();
  }

  /// Steps given one by one, for conventions whose t_next is not the next t. Throws Error unless
  /// the t are finite and strictly monotone and every step goes the same way.
  explicit TimeGrid(std::vector<TimeStep> steps) : steps_(std::move(steps)) {
    detail::require(!steps_.empty(), "time grid: 0 steps given; at least 1 is needed");
    check();
  }

  [[nodiscard]] auto begin() const { return steps_.begin(); }
  [[nodiscard]] auto end() const { return steps_.end(); }
  [[nodiscard]] std::size_t size() const { return steps_.size(); }
  [[nodiscard]] const TimeStep& operator[](std::size_t i) const { return steps_[i]; }
  [[nodiscard]] const TimeStep& front() const { return steps_.front(); }
  [[nodiscard]] const TimeStep& back() const { return steps_.back(); }

  /// True when time decreases: from noise to data.
  [[nodiscard]] bool generates() const { return front().t_next < front().t; }

  /// The same steps the other way round: encoding instead of generating.
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
      detail::require(std::isfinite(s.t) && std::isfinite(s.t_next), "time grid: step ", i,
                      " goes from ", s.t, " to ", s.t_next, "; times must be finite");
      detail::require(s.t != s.t_next && (s.t_next < s.t) == generates(), "time grid: step ", i,
                      " goes from ", s.t, " to ", s.t_next, "; times must be strictly monotone");
      detail::require(i == 0 || (s.t != steps_[i - 1].t && (s.t < steps_[i - 1].t) == generates()),
                      "time grid: step ", i, " starts at ", s.t, " after ",
                      steps_[i > 0 ? i - 1 : 0].t, "; times must be strictly monotone");
    }
  }

  std::vector<TimeStep> steps_;
};

namespace detail {

inline void check_span(std::size_t steps, double eps, double t_max) {
  require(steps >= 1, "time grid: steps is 0; it must be at least 1");
  require(std::isfinite(eps) && eps >= 0 && eps < t_max, "time grid: eps is ", eps,
          "; it must lie in [0, T) with T = ", t_max);
}

}  // namespace detail

/// `steps` equal steps from t_max down to eps. Throws Error for steps = 0 or eps outside [0,
/// t_max).
[[nodiscard]] inline TimeGrid uniform_grid(double t_max, double eps, std::size_t steps) {
  detail::check_span(steps, eps, t_max);
  std::vector<double> times(steps + 1);
  for (std::size_t i = 0; i <= steps; ++i) {
    const double u = static_cast<double>(i) / static_cast<double>(steps);
    times[i] = i == steps ? eps : t_max + u * (eps - t_max);
  }
  return TimeGrid(times);
}

namespace detail {

/// Completing it reports which of its two times an SDE lacks.
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

}  // namespace detail

/// `steps` equal steps from the SDE's t_max to its t_min.
template <class S>
[[nodiscard]] TimeGrid uniform_grid(const S& sde, std::size_t steps) {
  static_assert(detail::TimesArgument<S>::checked);
  return uniform_grid(sde.t_max(), sde.t_min(), steps);
}

/// `steps` steps from t_max down to eps, equal in √t: denser near the data. Lu et al. 2022
/// (arXiv:2206.00927), appendix D. Throws Error as uniform_grid does.
[[nodiscard]] inline TimeGrid quadratic_grid(double t_max, double eps, std::size_t steps) {
  detail::check_span(steps, eps, t_max);
  const double first = std::sqrt(t_max), last = std::sqrt(eps);
  std::vector<double> times(steps + 1);
  for (std::size_t i = 0; i <= steps; ++i) {
    const double u = static_cast<double>(i) / static_cast<double>(steps);
    const double root = first + u * (last - first);
    times[i] = i == steps ? eps : (i == 0 ? t_max : root * root);
  }
  return TimeGrid(times);
}

/// The same from the SDE's t_max to its t_min.
template <class S>
[[nodiscard]] TimeGrid quadratic_grid(const S& sde, std::size_t steps) {
  static_assert(detail::TimesArgument<S>::checked);
  return quadratic_grid(sde.t_max(), sde.t_min(), steps);
}

/// The grid of score_sde's samplers: t on linspace(t_max, eps, steps) while each step has length
/// t_max/steps, which is not the spacing of the list; the last step starts at eps. For parity with
/// Song et al.'s code; uniform_grid is the consistent choice.
[[nodiscard]] inline TimeGrid song_grid(double t_max, double eps, std::size_t steps) {
  detail::check_span(steps, eps, t_max);
  const double h = t_max / static_cast<double>(steps);
  std::vector<TimeStep> list(steps);
  for (std::size_t i = 0; i < steps; ++i) {
    const double u = steps > 1 ? static_cast<double>(i) / static_cast<double>(steps - 1) : 0.0;
    const double t = i + 1 == steps && steps > 1 ? eps : t_max + u * (eps - t_max);
    list[i] = {t, t - h};
  }
  return TimeGrid(std::move(list));
}

/// The grid and one step more, to noise-free data at t = 0, as k-diffusion's lists of σ end in 0:
/// for a sampler whose last step goes to data (ToZero). Throws Error for a grid that increases or
/// is at 0 already.
[[nodiscard]] inline TimeGrid extended_to_data(const TimeGrid& grid) {
  detail::require(grid.generates() && grid.back().t_next > 0, "time grid: it goes from ",
                  grid.front().t, " to ", grid.back().t_next,
                  "; a step to the data is for grids that decrease and end above 0");
  std::vector<TimeStep> steps(grid.begin(), grid.end());
  steps.push_back({grid.back().t_next, 0});
  return TimeGrid(std::move(steps));
}

/// A grid of rectified flow with its times moved towards the noise, t ↦ a t/(1 + (a − 1) t): static
/// flow shift, Esser et al. 2024 (arXiv:2403.03206), eq. 23, for images of higher resolution than
/// a = 1 was made for. Throws Error for a shift that is not positive and finite and times outside
/// [0, 1].
[[nodiscard]] inline TimeGrid flow_shifted(const TimeGrid& grid, double shift) {
  detail::require(shift > 0 && std::isfinite(shift), "flow shift: shift is ", shift,
                  "; it must be positive and finite");
  const auto moved = [shift](double t) {
    detail::require(t >= 0 && t <= 1, "flow shift: the grid reaches t = ", t,
                    "; it must lie in [0, 1]");
    return shift * t / (1 + (shift - 1) * t);
  };
  std::vector<TimeStep> steps;
  for (const TimeStep& step : grid) steps.push_back({moved(step.t), moved(step.t_next)});
  return TimeGrid(std::move(steps));
}

}  // namespace scoresde
