// SPDX-License-Identifier: MIT
/// The samplers of EDM: Euler, Heun and midpoint steps along s = σ/α, with churn.
///
///   y = x/α:   dy/ds = ε = (y − x₀)/s
///   churn:     s < ŝ = (1 + γ)s,   x̂ = (α̂/α) x + α̂ √(ŝ² − s²) S_noise z
///   Heun:      y′ = ŷ + (s′ − ŝ) ε₀,   y ← ŷ + (s′ − ŝ)(ε₀ + ε₁)/2
///   DPM-2:     yₘ = ŷ + (sₘ − ŝ) ε₀,   y ← ŷ + (s′ − ŝ) εₘ,   sₘ = √(ŝ s′)
///
/// Karras et al. 2022 (arXiv:2206.00364), algorithms 1 and 2, are the case α = 1 and σ = t
/// (EdmSde); in y and s the steps apply to every linear SDE. DPM-2 is the midpoint rule with the
/// node of DPM-Solver-2. ŷ is not stored; it is expressed by y′ or yₘ.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include <scoresde/solver/solver.hpp>

namespace scoresde {

/// Noise added before a step, γ = min(s_churn/N, √2 − 1) for s_tmin ≤ σ/α ≤ s_tmax, where N is the
/// number of steps. None by default. γ is reduced where ŝ would exceed the σ/α at T.
struct Churn {
  double s_churn = 0;
  double s_tmin = 0;
  double s_tmax = std::numeric_limits<double>::infinity();
  double s_noise = 1;

  /// Throws Error for members that are negative or not finite (s_tmax may be infinite) and unless
  /// s_tmin ≤ s_tmax.
  void validate(const char* solver) const {
    require(std::isfinite(s_churn) && s_churn >= 0, solver, ": s_churn is ", s_churn,
            "; it must be finite and nonnegative");
    require(s_tmin >= 0 && s_tmin <= s_tmax, solver, ": s_tmin is ", s_tmin, " and s_tmax ", s_tmax,
            "; they must satisfy 0 <= s_tmin <= s_tmax");
    require(std::isfinite(s_noise) && s_noise >= 0, solver, ": s_noise is ", s_noise,
            "; it must be finite and nonnegative");
  }

  /// γ at σ/α = s.
  [[nodiscard]] double gamma(double s, std::size_t steps) const {
    if (s < s_tmin || s > s_tmax) return 0;
    return std::min(s_churn / static_cast<double>(steps), std::sqrt(2.0) - 1);
  }
};

namespace detail {

/// A step in y, by the times and noise levels of its ends.
struct NoiseStep {
  TimeStep time{};
  NoiseLevel from{}, to{};

  /// σ/α at a level.
  static double ratio(const NoiseLevel& level) { return std::exp(-level.lambda); }
  [[nodiscard]] double s() const { return ratio(from); }
  [[nodiscard]] double s_next() const { return ratio(to); }

  /// The first-order step, with ε or x₀ held constant.
  [[nodiscard]] SolverStage euler(Prediction prediction) const {
    const ExponentialStep step(prediction, from, to);
    return {.time = time, .state = step.state, .weights = {step.gain * phi(1, step.exponent)}};
  }
};

/// Appends the stage that raises the noise and starts `step` there; does nothing for γ = 0.
template <Sde S>
void churn_step(const S& sde, const Churn& churn, std::size_t index, std::size_t steps,
                NoiseStep& step, std::vector<SolverStage>& table) {
  const double s = step.s(), highest = std::exp(-0.5 * log_snr(sde, sde.t_max()));
  const double raised = std::min((1 + churn.gamma(s, steps)) * s, highest);
  if (raised <= s) return;
  const TimeStep up{step.time.t, time_of_log_snr(sde, -2 * std::log(raised))};
  const NoiseLevel from = step.from;
  step = {{up.t_next, step.time.t_next}, noise_level(sde, up.t_next), step.to};
  const double c = churn.s_noise * step.from.alpha * std::sqrt((raised - s) * (raised + s));
  table.push_back({.time = up,
                   .state = step.from.alpha / from.alpha,
                   .noise = {c, index + 1, up},
                   .evaluates = false});
}

/// The midpoint rule with its node midway in λ: y ← yₘ + (s′ − ŝ) εₘ − (sₘ − ŝ) ε₀, and with ε =
/// (yₘ − x₀)/sₘ: y ← (s′/sₘ) yₘ − ….
template <Sde S>
void midpoint_step(const S& sde, Prediction prediction, const NoiseStep& step,
                   std::vector<SolverStage>& table) {
  const double t = time_of_log_snr(sde, step.from.lambda + step.to.lambda);
  const NoiseStep first{{step.time.t, t}, step.from, noise_level(sde, t)};
  table.push_back(first.euler(prediction));
  const double middle = first.s_next(), alpha = step.to.alpha;
  SolverStage stage{.time = {t, step.time.t_next}, .state = alpha / first.to.alpha};
  stage.weights = {alpha * (step.s_next() - step.s()), -alpha * (middle - step.s())};
  if (prediction == Prediction::data) {
    stage.state *= step.s_next() / middle;
    for (double& weight : stage.weights) weight /= -middle;
  }
  table.push_back(stage);
}

}  // namespace detail

/// The rule of a step.
enum class EdmStep { euler, heun, midpoint };

template <EdmStep Rule>
struct EdmSolver {
  static constexpr int order = Rule == EdmStep::euler ? 1 : 2;
  static constexpr std::size_t history = order;
  [[nodiscard]] static constexpr std::size_t nfe(std::size_t steps) { return order * steps; }

  /// The prediction that is held constant; the steps are the same up to rounding.
  Prediction prediction = Prediction::data;
  Churn churn{};

  void validate() const { churn.validate("EDM solver"); }

  /// Throws Error for churn on an increasing grid.
  template <Sde S>
  [[nodiscard]] std::vector<SolverStage> stages(const S& sde, const TimeGrid& grid) const {
    return make(sde, grid, false);
  }
  template <Sde S>
  [[nodiscard]] std::vector<SolverStage> stages_to_data(const S& sde, const TimeGrid& grid) const {
    return make(sde, grid, true);
  }

 private:
  template <Sde S>
  [[nodiscard]] std::vector<SolverStage> make(const S& sde, const TimeGrid& grid,
                                              bool to_data) const {
    require(grid.generates() || churn.s_churn == 0, "EDM solver: the grid goes from ",
            grid.front().t, " up to ", grid.back().t_next, "; with churn, time must decrease");
    std::vector<SolverStage> table;
    for (std::size_t i = 0; i < grid.size(); ++i) {
      detail::NoiseStep step{grid[i], noise_level(sde, grid[i].t),
                             noise_level(sde, grid[i].t_next)};
      detail::churn_step(sde, churn, i, grid.size(), step, table);
      if (to_data && i + 1 == grid.size())
        table.push_back(data_stage(sde, prediction, step.time.t));
      else if constexpr (Rule == EdmStep::midpoint)
        detail::midpoint_step(sde, prediction, step, table);
      else
        euler_or_heun(step, table);
    }
    return table;
  }

  /// y ← y′ + ½(s′ − ŝ)(ε₁ − ε₀), and ε₁ − ε₀ = (x₀ at ŝ − x₀ at s′)/s′.
  void euler_or_heun(const detail::NoiseStep& step, std::vector<SolverStage>& table) const {
    table.push_back(step.euler(prediction));
    if constexpr (Rule == EdmStep::heun) {
      double half = 0.5 * step.to.alpha * (step.s_next() - step.s());
      if (prediction == Prediction::data) half /= -step.s_next();
      const double t = step.time.t_next;
      table.push_back({.time = {t, t}, .weights = {half, -half}});
    }
  }
};

/// Euler steps in σ/α, identical to DDIM, with churn.
using EdmEuler = EdmSolver<EdmStep::euler>;
/// Algorithm 2 of Karras et al.; algorithm 1 without churn. Two evaluations per step.
using EdmHeun = EdmSolver<EdmStep::heun>;
/// DPM-2: the midpoint rule, with churn. Two evaluations per step.
using Dpm2 = EdmSolver<EdmStep::midpoint>;

}  // namespace scoresde
