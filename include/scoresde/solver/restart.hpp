// SPDX-License-Identifier: MIT
/// Restart: the probability flow, with intervals repeated after adding fresh noise.
///
///   for each interval [low, high] of s = σ/α, when the flow reaches low, K times:
///     x̂ = (α̂/α) x + α̂ √(high² − low²) S_noise z,   then the flow from high to low in `steps` steps
///
/// Xu et al. 2023 (arXiv:2306.14878), algorithm 1. All steps are Heun steps along s
/// (solver/edm.hpp); those of an interval are spaced by eq. 5 of Karras et al. 2022
/// (arXiv:2206.00364). Each repetition contracts the accumulated errors, as an SDE does, with as
/// few steps as the flow.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include <scoresde/solver/ancestral_noise.hpp>
#include <scoresde/solver/edm.hpp>
#include <scoresde/time/log_snr_grid.hpp>

namespace scoresde {

/// An interval of σ/α in which the flow is repeated.
struct RestartInterval {
  double low = 0.06, high = 0.3;
  std::size_t repeats = 2;  ///< K
  std::size_t steps = 4;    ///< from high to low, each time: N_Restart − 1 of the authors' lists
};

/// The authors' interval for CIFAR-10: unconditional VP network, a flow of 18 steps. It is the
/// first line of benchmarks/params_cifar10_vp.txt in
/// github.com/Newbeeer/diffusion_restart_sampling, N_Restart = 3, K = 2, t from 0.06 to 0.30;
/// N_Restart counts the times of an interval, which its steps lie between. Two steps multiply the
/// variance of Gaussian data of standard deviation 0.1 by up to 1.2, which the default of four does
/// by up to 1.05.
inline constexpr RestartInterval cifar10_restart{.steps = 2};

struct Restart {
  static constexpr int order = 2;
  static constexpr std::size_t history = 2;
  static constexpr bool counted_at_run_time = true;

  /// An interval is repeated at the grid time whose σ/α is closest to its low end in ln, where its
  /// steps start and end. It is ignored if the grid does not go below its high end.
  std::vector<RestartInterval> intervals{RestartInterval{}};
  double s_noise = 1;
  double rho = 7;  ///< exponent of the spacing of an interval's steps
  /// The prediction that is held constant; the steps are the same up to rounding.
  Prediction prediction = Prediction::data;

  /// Throws Error unless 0 < low < high, repeats ≥ 1 and steps ≥ 1 in all intervals, and s_noise
  /// and rho are positive and finite.
  void validate() const {
    for (std::size_t i = 0; i < intervals.size(); ++i) {
      const auto& [low, high, repeats, steps] = intervals[i];
      require(low > 0 && low < high && std::isfinite(high), "restart: interval ", i, " goes from ",
              low, " to ", high, "; it must satisfy 0 < low < high");
      require(repeats >= 1 && steps >= 1, "restart: interval ", i, " has ", repeats, " repeats of ",
              steps, " steps; at least 1 of each is needed");
    }
    require(s_noise > 0 && std::isfinite(s_noise), "restart: s_noise is ", s_noise,
            "; it must be positive and finite");
    require(rho > 0 && std::isfinite(rho), "restart: rho is ", rho,
            "; it must be positive and finite");
  }

  /// The number of evaluations for a grid of `steps` steps that reaches every interval.
  [[nodiscard]] std::size_t most_evaluations(std::size_t steps) const {
    for (const RestartInterval& interval : intervals) steps += interval.repeats * interval.steps;
    return 2 * steps;
  }

  /// Repetition k, counted over all intervals from 0, uses draw N + 1 + k, where N is the number of
  /// steps of the grid. Throws Error for an increasing grid and for an interval above the σ/α of
  /// the SDE at T.
  template <Sde S>
  [[nodiscard]] std::vector<SolverStage> stages(const S& sde, const TimeGrid& grid) const {
    return make(sde, grid, false);
  }
  template <Sde S>
  [[nodiscard]] std::vector<SolverStage> stages_to_data(const S& sde, const TimeGrid& grid) const {
    return make(sde, grid, true);
  }

 private:
  using Table = std::vector<SolverStage>;

  template <Sde S>
  [[nodiscard]] Table make(const S& sde, const TimeGrid& grid, bool to_data) const {
    detail::require_noise_to_data("restart", grid, true);
    const std::vector<NoiseLevel> level = noise_levels(sde, grid);
    const std::size_t last = to_data ? grid.size() - 1 : grid.size();
    Table table;
    std::size_t draw = grid.size() + 1;
    for (std::size_t i = 0; i < grid.size(); ++i) {
      if (i == last) {
        table.push_back(data_stage(sde, prediction, grid[i].t));
        break;
      }
      heun(sde, TimeGrid({grid[i]}), table);
      for (const RestartInterval& interval : intervals) {
        if (arrival(level, last, interval) != i) continue;
        for (std::size_t k = 0; k < interval.repeats; ++k)
          repeat(sde, grid[i].t_next, interval, draw++, table);
      }
    }
    return table;
  }

  /// The step that ends closest to the interval's low end; `last` if none ends below its high end.
  static std::size_t arrival(const std::vector<NoiseLevel>& level, std::size_t last,
                             const RestartInterval& interval) {
    const double low = -std::log(interval.low), high = -std::log(interval.high);
    std::size_t best = last;
    for (std::size_t i = 0; i < last; ++i)
      if (level[i + 1].lambda > high &&
          (best == last ||
           std::abs(level[i + 1].lambda - low) < std::abs(level[best + 1].lambda - low)))
        best = i;
    return best;
  }

  template <Sde S>
  void heun(const S& sde, const TimeGrid& grid, Table& table) const {
    for (const SolverStage& stage : EdmHeun{.prediction = prediction}.stages(sde, grid))
      table.push_back(stage);
  }

  template <Sde S>
  void repeat(const S& sde, double t, const RestartInterval& interval, std::size_t draw,
              Table& table) const {
    const TimeStep up{t, time_of_log_snr(sde, -2 * std::log(interval.high))};
    const NoiseLevel from = noise_level(sde, t), to = noise_level(sde, up.t_next);
    const double s = std::exp(-from.lambda), high = std::exp(-to.lambda);
    table.push_back({.time = up,
                     .state = to.alpha / from.alpha,
                     .noise = {s_noise * to.alpha * std::sqrt((high - s) * (high + s)), draw, up},
                     .evaluates = false});
    heun(sde, karras_grid(sde, up.t_next, t, interval.steps, rho), table);
  }
};

}  // namespace scoresde
