// SPDX-License-Identifier: MIT
/// DiscreteSde: an SDE with the N discrete noise levels on which DDPM and SMLD networks are
/// trained.
///
///   level i = 0 … N − 1 at time t_i,   t_i evenly spaced, noise growing with i
///
/// Ho et al. 2020 (arXiv:2006.11239), section 2; Song and Ermon 2019 (arXiv:1907.05600), section 3.
/// model/label_convention.hpp maps levels to the labels that score_sde passes to such networks.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <vector>

#include <scoresde/sde/sde.hpp>
#include <scoresde/time/time_grid.hpp>

namespace scoresde {

/// Optional: training_marginal(t), the p(x_t | x_0) used in training if it differs from
/// marginal_prob(t).
template <class S>
concept DiscreteSde = Sde<S> && requires(const S& sde, std::size_t i) {
  { sde.training_steps() } -> std::same_as<std::size_t>;  // N ≥ 2
  { sde.training_time(i) } -> std::same_as<double>;       // t_i, for i < N
};

namespace detail {

/// Instantiation reports an SDE without discrete levels.
template <class S>
struct DiscreteArgument {
  static_assert(DiscreteSde<S>,
                "discrete SDE: the SDE has no levels; it needs training_steps() and "
                "training_time(i), as DdpmSde, DiscreteVpSde and SmldSde have");
  static constexpr bool checked = true;
};

}  // namespace detail

/// The p(x_t | x_0) that a network of discrete levels was trained on.
template <DiscreteSde S>
[[nodiscard]] MarginalProb training_marginal(const S& sde, double t) {
  if constexpr (requires {
                  { sde.training_marginal(t) } -> std::same_as<MarginalProb>;
                })
    return sde.training_marginal(t);
  else
    return sde.marginal_prob(t);
}

/// A time within this distance of a level, in units of the level spacing, counts as that level. The
/// grid from 1 to 10⁻⁵ on which score_sde samples VE with 1000 levels is off by 0.01.
inline constexpr double level_tolerance = 0.02;

namespace detail {

/// i at t_i, linearly interpolated in between and extrapolated outside.
template <DiscreteSde S>
[[nodiscard]] double unbounded_level_position(const S& sde, double t) {
  const std::size_t last = sde.training_steps() - 1;
  const double first_time = sde.training_time(0), last_time = sde.training_time(last);
  return (t - first_time) / (last_time - first_time) * static_cast<double>(last);
}

}  // namespace detail

/// The position of t among the levels: i at t_i, fractional in between. Throws Error for times
/// before the first level or after the last.
template <DiscreteSde S>
[[nodiscard]] double level_position(const S& sde, double t) {
  const std::size_t last = sde.training_steps() - 1;
  const double position = detail::unbounded_level_position(sde, t);
  require(position >= -level_tolerance && position <= static_cast<double>(last) + level_tolerance,
          "discrete SDE: time ", t, " is outside the training levels, which lie ", "from ",
          sde.training_time(0), " to ", sde.training_time(last));
  return position;
}

/// The level at t. Throws Error if there is no level at t.
template <DiscreteSde S>
[[nodiscard]] std::size_t training_level(const S& sde, double t) {
  const double position = level_position(sde, t), level = std::round(position);
  require(std::abs(position - level) <= level_tolerance, "discrete SDE: time ", t,
          " lies between levels, at ", position, "; the network was trained only on the ",
          sde.training_steps(),
          " training levels, so the sampler's grid must consist of their times");
  return static_cast<std::size_t>(level);
}

namespace detail {

/// The position of t among the levels, clamped to the first and last level.
template <DiscreteSde S>
[[nodiscard]] double nearest_level_position(const S& sde, double t) {
  return std::clamp(unbounded_level_position(sde, t), 0.0,
                    static_cast<double>(sde.training_steps() - 1));
}

/// The non-increasing sequence closest to `values` in least squares: increasing neighbors are
/// pooled into their mean (isotonic regression; Barlow et al. 1972, section 1.2).
inline void make_non_increasing(std::vector<double>& values) {
  struct Block {
    double sum;
    std::size_t count;
    [[nodiscard]] double mean() const { return sum / static_cast<double>(count); }
  };
  std::vector<Block> blocks;
  for (const double value : values) {
    blocks.push_back({value, 1});
    while (blocks.size() > 1 && blocks.back().mean() > blocks[blocks.size() - 2].mean()) {
      const Block last = blocks.back();
      blocks.pop_back();
      blocks.back().sum += last.sum;
      blocks.back().count += last.count;
    }
  }
  values.clear();
  for (const Block& block : blocks) values.insert(values.end(), block.count, block.mean());
}

}  // namespace detail

class DdpmSde;

/// Does not compile: only DdpmSde (sde/ddpm_sde.hpp) has a grid of levels by their number alone.
template <class S, std::integral Steps>
requires(!std::same_as<S, DdpmSde>) TimeGrid level_grid(const S& sde, Steps) {
  static_assert(std::same_as<S, DdpmSde>,
                "level_grid: a number of steps is for DdpmSde only; for other SDEs with discrete "
                "levels it takes a grid, level_grid(sde, uniform_grid(sde, steps))");
  return uniform_grid(sde, 1);
}

/// The maximum number of steps of a level_grid between two times.
template <DiscreteSde S>
[[nodiscard]] std::size_t most_level_steps(const S& sde, double t, double t_next) {
  return static_cast<std::size_t>(
      std::abs(std::round(detail::nearest_level_position(sde, t)) -
               std::round(detail::nearest_level_position(sde, t_next))));
}

/// The grid moved to the training levels, for networks of discrete levels: the same number of
/// steps, no level twice, both ends at their nearest levels and the times in between as close to
/// the given ones, in least squares, as that allows. Throws Error if there are more steps than the
/// levels between the ends allow.
template <class S>
[[nodiscard]] TimeGrid level_grid(const S& sde, const TimeGrid& grid) {
  static_assert(detail::DiscreteArgument<S>::checked);
  if (!grid.generates()) return level_grid(sde, grid.reversed()).reversed();
  const std::size_t most = most_level_steps(sde, grid.front().t, grid.back().t_next);
  require(grid.size() <= most, "level grid: ", grid.size(),
          " steps requested from t = ", grid.front().t, " to ", grid.back().t_next,
          "; the levels there allow at most ", most);
  // The levels decrease by at least 1 per step if and only if level + step index is non-increasing.
  std::vector<double> shifted;
  const auto add = [&](double t) {
    shifted.push_back(detail::nearest_level_position(sde, t) + static_cast<double>(shifted.size()));
  };
  for (const TimeStep& step : grid) add(step.t);
  add(grid.back().t_next);
  const double first = std::round(shifted.front());
  const double last = first - static_cast<double>(most - grid.size());
  detail::make_non_increasing(shifted);
  std::vector<double> times;
  for (const double value : shifted) {
    const double level = std::clamp(std::round(value), last, first);
    times.push_back(sde.training_time(static_cast<std::size_t>(level) - times.size()));
  }
  return TimeGrid(times);
}

}  // namespace scoresde
