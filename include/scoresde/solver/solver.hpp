// SPDX-License-Identifier: MIT
/// Solver: turns an SDE and a grid into a precomputed table of linear forms.
///
///   x_t = a·x_s + g Σₖ φₖ₊₁(e)·hᵏ D⁽ᵏ⁾,   λ = ln(α/σ),   h = λ_t − λ_s
///   noise prediction D = ε:   a = α_t/α_s,   g = −σ_t·h,   e = h
///   data prediction D = x₀:   a = σ_t/σ_s,   g = α_t·h,    e = −h
///
/// is the exact probability flow of any linear SDE if D⁽ᵏ⁾ are the derivatives of D in λ along the
/// path; solvers differ in how they approximate them from preceding predictions. Lu et al. 2022
/// (arXiv:2206.00927), proposition 3.1, and 2022 (arXiv:2211.01095), proposition 4.1, for VP. Here
/// α and σ are those of marginal_prob(t), so the same implementation serves VE, sub-VP and
/// user-defined SDEs.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <scoresde/sde/sde.hpp>
#include <scoresde/solver/phi.hpp>

namespace scoresde {

/// The prediction that a solver interpolates between evaluations: ε or x₀.
enum class Prediction { noise, data };

/// The maximum number of predictions in a form.
inline constexpr std::size_t max_predictions = 13;

/// The term c·z of a stage: its draw, and the time over which its increment runs. Solvers use draw
/// i + 1 in step i of the grid, whether or not other steps draw, so that the noise of a step does
/// not depend on preceding steps.
struct StageNoise {
  double coefficient = 0;
  std::uint64_t draw = 0;
  TimeStep time{};
};

/// Evaluates the model at (x, time.t), which gives D₀; then x ← state·x + Σⱼ weights[j]·D₋ⱼ +
/// noise, where D₋ⱼ is the prediction j evaluations earlier, and x is then at time.t_next. A stage
/// that does not evaluate only updates x, and its weights are 0.
struct SolverStage {
  TimeStep time{};
  double state = 1;
  std::array<double, max_predictions> weights{};
  StageNoise noise{};
  bool evaluates = true;
};

/// `history` is the number of stored predictions, including the current one; `prediction` is their
/// type.
///
/// Optional members, used if present: nfe(steps), static and constexpr, the number of evaluations
/// for a grid of `steps` steps (default: one each); stages(sde, start, steps), the stages of
/// `start`, the first steps of a run of `steps`, for solvers whose order decreases towards the end
/// of a run; stages_to_data(sde, grid), where the last step goes to noise-free data instead of the
/// grid's last time (default: the last step is replaced by the prediction of the data at its
/// start); validate(), which throws Error for members out of range.
template <class R, class S>
concept Solver = Sde<S> && std::copyable<R> &&
    requires(const R& rule, const S& sde, const TimeGrid& grid) {
  { rule.order } -> std::convertible_to<int>;
  { R::history } -> std::convertible_to<std::size_t>;
  { rule.prediction } -> std::convertible_to<Prediction>;
  { rule.stages(sde, grid) } -> std::same_as<std::vector<SolverStage>>;
};

/// Replaces x by the x₀ predicted at t.
template <Sde S>
[[nodiscard]] SolverStage data_stage(const S& sde, Prediction prediction, double t) {
  const MarginalProb p = sde.marginal_prob(t);
  if (prediction == Prediction::data) return {.time = {t, 0}, .state = 0, .weights = {1}};
  return {.time = {t, 0}, .state = 1 / p.mean, .weights = {-p.std / p.mean}};
}

/// The stages of a run whose last step goes to noise-free data: a step of order 1, counted as the
/// last step where orders decrease towards the end of a run.
template <class R, Sde S>
[[nodiscard]] std::vector<SolverStage> stages_to_data(const R& solver, const S& sde,
                                                      const TimeGrid& grid) {
  if constexpr (requires { solver.stages_to_data(sde, grid); }) {
    return solver.stages_to_data(sde, grid);
  } else {
    std::vector<SolverStage> stages;
    if (grid.size() > 1) {
      const TimeGrid start(std::vector<TimeStep>(grid.begin(), grid.end() - 1));
      if constexpr (requires { solver.stages(sde, start, grid.size()); })
        stages = solver.stages(sde, start, grid.size());
      else
        stages = solver.stages(sde, start);
    }
    stages.push_back(data_stage(sde, solver.prediction, grid.back().t));
    return stages;
  }
}

/// A solver whose number of evaluations depends only on the number of steps; one with precomputed
/// stages defines `static constexpr bool counted_at_run_time = true` instead.
template <class R>
concept CountedSolver = !requires {
  R::counted_at_run_time;
};

/// The number of evaluations of a solver for a grid of `steps` steps.
template <CountedSolver R>
[[nodiscard]] constexpr std::size_t solver_nfe(std::size_t steps) {
  if constexpr (requires { R::nfe(steps); })
    return R::nfe(steps);
  else
    return steps;
}

/// The noise level at a time.
struct NoiseLevel {
  double alpha = 1;   ///< mean of marginal_prob(t)
  double sigma = 0;   ///< std of marginal_prob(t)
  double lambda = 0;  ///< ln(α/σ), half the log-SNR
};

template <Sde S>
[[nodiscard]] NoiseLevel noise_level(const S& sde, double t) {
  const MarginalProb p = sde.marginal_prob(t);
  return {p.mean, p.std, 0.5 * log_snr(sde, t)};
}

/// a, g, e and h of the equations above.
struct ExponentialStep {
  double state = 1;
  double gain = 0;
  double exponent = 0;
  double length = 0;

  ExponentialStep() = default;
  ExponentialStep(Prediction prediction, const NoiseLevel& from, const NoiseLevel& to)
      : length(to.lambda - from.lambda) {
    const bool noise = prediction == Prediction::noise;
    state = noise ? to.alpha / from.alpha : to.sigma / from.sigma;
    gain = noise ? -to.sigma * length : to.alpha * length;
    exponent = noise ? length : -length;
  }
};

/// The noise levels at the start of each step of the grid, and at the end of the last.
template <Sde S>
[[nodiscard]] std::vector<NoiseLevel> noise_levels(const S& sde, const TimeGrid& grid) {
  std::vector<NoiseLevel> levels;
  for (const TimeStep& step : grid) levels.push_back(noise_level(sde, step.t));
  levels.push_back(noise_level(sde, grid.back().t_next));
  return levels;
}

/// The order of a multistep method at step `index` of `steps`: as many predictions as there are, at
/// most `order`, decreasing to 1 towards the end of grids with fewer than `lower_order_below`
/// steps.
[[nodiscard]] constexpr int order_of_step(int order, std::size_t index, std::size_t steps,
                                          std::size_t lower_order_below) {
  int possible = order;
  if (index + 1 < static_cast<std::size_t>(possible)) possible = static_cast<int>(index) + 1;
  if (steps < lower_order_below && steps - index < static_cast<std::size_t>(possible))
    possible = static_cast<int>(steps - index);
  return possible;
}

}  // namespace scoresde
