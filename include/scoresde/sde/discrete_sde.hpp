// SPDX-License-Identifier: MIT
/// DiscreteSde: an SDE that names the N noise levels which networks of DDPM and SMLD are trained
/// on.
///
///   level i = 0 … N − 1 at time t_i,   t_i evenly spaced, noise growing with i
///
/// Ho et al. 2020 (arXiv:2006.11239), section 2; Song and Ermon 2019 (arXiv:1907.05600), section 3;
/// the labels that score_sde gives such networks are nn/label_convention.hpp's matter.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <vector>

#include <scoresde/sde/sde.hpp>
#include <scoresde/time/time_grid.hpp>

namespace scoresde {

/// Optional: training_marginal(t), the p(x_t | x_0) that training used, where it is not
/// marginal_prob(t).
template <class S>
concept DiscreteSde = Sde<S> && requires(const S& sde, std::size_t i) {
  { sde.training_steps() } -> std::same_as<std::size_t>;  // N ≥ 2
  { sde.training_time(i) } -> std::same_as<double>;       // t_i, for i < N
};

/// p(x_t | x_0) as a network of discrete levels was trained on it.
template <DiscreteSde S>
[[nodiscard]] MarginalProb training_marginal(const S& sde, double t) {
  if constexpr (requires {
                  { sde.training_marginal(t) } -> std::same_as<MarginalProb>;
                })
    return sde.training_marginal(t);
  else
    return sde.marginal_prob(t);
}

/// A time this far from a level, in units of their spacing, is at it. The grid from 1 to 10⁻⁵ on
/// which score_sde samples VE with 1000 levels is 0.01 off.
inline constexpr double level_tolerance = 0.02;

namespace detail {

/// i at t_i, fractions between, and on beyond both ends.
template <DiscreteSde S>
[[nodiscard]] double unbounded_level_position(const S& sde, double t) {
  const std::size_t last = sde.training_steps() - 1;
  const double first_time = sde.training_time(0), last_time = sde.training_time(last);
  return (t - first_time) / (last_time - first_time) * static_cast<double>(last);
}

}  // namespace detail

/// Where t lies among the levels: i at t_i, fractions between. Throws Error below the first level
/// and above the last.
template <DiscreteSde S>
[[nodiscard]] double level_position(const S& sde, double t) {
  const std::size_t last = sde.training_steps() - 1;
  const double position = detail::unbounded_level_position(sde, t);
  detail::require(
      position >= -level_tolerance && position <= static_cast<double>(last) + level_tolerance,
      "discrete SDE: time ", t, " is outside the levels that training used; they lie ", "from ",
      sde.training_time(0), " to ", sde.training_time(last));
  return position;
}

/// The level at t. Throws Error for a time that is none.
template <DiscreteSde S>
[[nodiscard]] std::size_t training_level(const S& sde, double t) {
  const double position = level_position(sde, t), level = std::round(position);
  detail::require(std::abs(position - level) <= level_tolerance, "discrete SDE: time ", t,
                  " lies between levels, at ", position, "; the network was trained on its ",
                  sde.training_steps(), " levels alone. Give the sampler a grid of their times");
  return static_cast<std::size_t>(level);
}

namespace detail {

/// Where t lies among the levels, moved to the nearest end from outside them.
template <DiscreteSde S>
[[nodiscard]] double nearest_level_position(const S& sde, double t) {
  return std::clamp(unbounded_level_position(sde, t), 0.0,
                    static_cast<double>(sde.training_steps() - 1));
}

/// The non-increasing sequence nearest to `values` in squares: neighbors that increase are replaced
/// by their mean until none are left (isotonic regression; Barlow et al. 1972, section 1.2).
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

/// The most steps of a level_grid between two times.
template <DiscreteSde S>
[[nodiscard]] std::size_t most_level_steps(const S& sde, double t, double t_next) {
  return static_cast<std::size_t>(
      std::abs(std::round(detail::nearest_level_position(sde, t)) -
               std::round(detail::nearest_level_position(sde, t_next))));
}

/// The grid with its times at levels, which is what a network of discrete levels can be sampled on:
/// as many steps as it had, no level twice, the ends at the levels nearest to them and the times
/// between as near to theirs, in squares, as that allows. Throws Error for more steps than the
/// levels between the ends allow.
template <DiscreteSde S>
[[nodiscard]] TimeGrid level_grid(const S& sde, const TimeGrid& grid) {
  if (!grid.generates()) return level_grid(sde, grid.reversed()).reversed();
  const std::size_t most = most_level_steps(sde, grid.front().t, grid.back().t_next);
  detail::require(grid.size() <= most, "level grid: ", grid.size(),
                  " steps are asked for from t = ", grid.front().t, " to ", grid.back().t_next,
                  "; the levels there allow at most ", most);
  // Levels fall by 1 or more in a step exactly where level + number of the step does not increase.
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
