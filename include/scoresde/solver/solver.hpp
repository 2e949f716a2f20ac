// SPDX-License-Identifier: MIT
/// Solver: a rule that turns an SDE and a grid into a table of linear forms, known before the run.
///
///   x_t = a·x_s + g Σₖ φₖ₊₁(e)·hᵏ D⁽ᵏ⁾,   λ = ln(α/σ),   h = λ_t − λ_s
///   noise prediction D = ε:   a = α_t/α_s,   g = −σ_t·h,   e = h
///   data prediction D = x₀:   a = σ_t/σ_s,   g = α_t·h,    e = −h
///
/// is the exact probability flow of any linear SDE when D⁽ᵏ⁾ are the derivatives of D in λ along
/// the path; solvers differ in how they make them of predictions already taken. Lu et al. 2022
/// (arXiv:2206.00927), proposition 3.1, and 2022 (arXiv:2211.01095), proposition 4.1, for VP; here
/// α and σ are those of marginal_prob(t), so the same text serves VE, sub-VP and a user's own.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <vector>

#include <scoresde/sde/sde.hpp>
#include <scoresde/solver/phi.hpp>

namespace scoresde {

/// What a solver interpolates between its evaluations: ε or x₀.
enum class Prediction { noise, data };

/// At most this many predictions in one form: the present one and four before it.
inline constexpr std::size_t max_predictions = 5;

/// The model is evaluated at (x, time.t), which gives D₀; then x ← state·x + Σⱼ weights[j]·D₋ⱼ,
/// where D₋ⱼ is the prediction j stages before, and x belongs to time.t_next.
struct SolverStage {
  TimeStep time{};
  double state = 1;
  std::array<double, max_predictions> weights{};
};

/// One stage per step of the grid; `history` counts the predictions of a form, `prediction` says
/// what they are.
template <class R, class S>
concept Solver = Sde<S> && std::copyable<R> &&
    requires(const R& rule, const S& sde, const TimeGrid& grid) {
  { R::order } -> std::convertible_to<int>;
  { R::history } -> std::convertible_to<std::size_t>;
  { rule.prediction } -> std::convertible_to<Prediction>;
  { rule.stages(sde, grid) } -> std::same_as<std::vector<SolverStage>>;
};

/// Where on the path of noise a time lies.
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

/// a, g, e and h of the equation above.
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

/// The noise levels at the grid's times: those where steps begin, and the last end.
template <Sde S>
[[nodiscard]] std::vector<NoiseLevel> noise_levels(const S& sde, const TimeGrid& grid) {
  std::vector<NoiseLevel> levels;
  for (const TimeStep& step : grid) levels.push_back(noise_level(sde, step.t));
  levels.push_back(noise_level(sde, grid.back().t_next));
  return levels;
}

/// The order a multistep method has at step `index` of `steps`: as many predictions as there are,
/// at most `order`, and falling to 1 towards the end of grids of fewer than `lower_order_below`
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
