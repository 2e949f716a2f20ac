// SPDX-License-Identifier: MIT
/// Adams-Bashforth methods for the predicted noise, with polynomials in a choice of variables.
///
///   y = x/α, s = σ/α:   y ← y + Σⱼ wⱼ ε₋ⱼ,   wⱼ = ∫ ℓⱼ ds over the step
///   ℓⱼ the Lagrange polynomials, in the variable τ, of the times of the predictions
///
///   τ = t:  DEIS (tAB-DEIS),   τ = s:  LMS (ρAB-DEIS)
///
/// Zhang & Chen 2022 (arXiv:2204.13902), eq. 15 and section 3; LMS is k-diffusion's name for the
/// second in σ-space. The integrals are exact for τ = s, and by Gauss-Legendre quadrature in λ =
/// −ln s for τ = t, where polynomials in t(λ) are smooth down to t = 0.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include <scoresde/solver/moments.hpp>
#include <scoresde/solver/solver.hpp>

namespace scoresde {

/// The variable of the polynomial that interpolates the predicted noise.
enum class AdamsClock { time, noise_ratio };

namespace detail {

/// The polynomials can be integrated to noise-free data, s = 0.
template <AdamsClock Clock>
concept IntegratesToData = Clock == AdamsClock::noise_ratio;

}  // namespace detail

template <int Order, AdamsClock Clock>
struct AdamsBashforth {
  static_assert(Order >= 1 && Order <= 4, "AdamsBashforth: the order must be 1, 2, 3 or 4");
  static constexpr int order = Order;
  static constexpr std::size_t history = Order;
  static constexpr Prediction prediction = Prediction::noise;

  /// The last steps use lower orders if the grid has fewer steps than this; 0 disables it.
  std::size_t lower_order_below = 0;

  /// Use the full order in the last step to the data too, for parity with k-diffusion and
  /// diffusers; only for polynomials in σ/α, which can be integrated to 0. This extrapolates over a
  /// step that is long compared to the preceding ones and amplifies model errors: by 66 with 1000
  /// uniform steps of LMS-4 under VE, while order 1, the default, adds at most the model's error
  /// times σ.
  bool full_order_to_data = false;

  /// Throws Error for full_order_to_data with polynomials in time.
  void validate() const {
    require(!full_order_to_data || Clock == AdamsClock::noise_ratio,
            "DEIS: full_order_to_data is true; it must be false, because polynomials in time "
            "cannot be integrated to noise-free data");
  }

  template <Sde S>
  [[nodiscard]] std::vector<SolverStage> stages(const S& sde, const TimeGrid& grid) const {
    return make(sde, grid, grid.size(), false);
  }
  /// The stages of the first steps of a run of `steps`.
  template <Sde S>
  [[nodiscard]] std::vector<SolverStage> stages(const S& sde, const TimeGrid& grid,
                                                std::size_t steps) const {
    return make(sde, grid, steps, false);
  }
  /// The stages of a run to s = 0.
  template <Sde S>
  requires detail::IntegratesToData<Clock>
  [[nodiscard]] std::vector<SolverStage> stages_to_data(const S& sde, const TimeGrid& grid) const {
    return make(sde, grid, grid.size(), true);
  }

 private:
  template <Sde S>
  [[nodiscard]] std::vector<SolverStage> make(const S& sde, const TimeGrid& grid, std::size_t steps,
                                              bool to_data) const {
    const std::vector<NoiseLevel> level = noise_levels(sde, grid);
    std::vector<SolverStage> table;
    for (std::size_t i = 0; i < grid.size(); ++i) {
      Step step{{level[i].lambda, level[i + 1].lambda}, grid[i], level[i + 1].alpha};
      const bool ends_in_data = to_data && i + 1 == grid.size();
      if (ends_in_data)
        step = {{level[i].lambda, std::numeric_limits<double>::infinity()}, {grid[i].t, 0}, 1};
      const int highest = ends_in_data && !full_order_to_data ? 1 : Order;
      const auto now =
          static_cast<std::size_t>(order_of_step(highest, i, steps, lower_order_below));
      NodeValues nodes{};
      for (std::size_t j = 0; j < now; ++j)
        nodes[j] = step.clock(level[i - j].lambda, grid[i - j].t);
      const NodeValues weights = match_moments(nodes, moments(sde, step, now), now);
      SolverStage stage{.time = step.time, .state = step.alpha / level[i].alpha};
      for (std::size_t j = 0; j < now; ++j) stage.weights[j] = step.alpha * weights[j];
      table.push_back(stage);
    }
    return table;
  }

  struct Step {
    std::array<double, 2> lambda{};
    TimeStep time{};
    double alpha = 1;  ///< at the end of the step

    [[nodiscard]] double length() const { return std::exp(-lambda[1]) - std::exp(-lambda[0]); }
    /// θ, the variable τ rescaled to run from 0 to 1 over the step.
    [[nodiscard]] double clock(double at_lambda, double t) const {
      if constexpr (Clock == AdamsClock::time)
        return (t - time.t) / (time.t_next - time.t);
      else
        return (std::exp(-at_lambda) - std::exp(-lambda[0])) / length();
    }
  };

  /// ∫ θᵏ ds over the step, k < count.
  template <Sde S>
  [[nodiscard]] static NodeValues moments(const S& sde, const Step& step, std::size_t count) {
    NodeValues moments{step.length()};
    if constexpr (Clock == AdamsClock::noise_ratio) {
      for (std::size_t k = 1; k < count; ++k) moments[k] = moments[0] / static_cast<double>(k + 1);
    } else if (count > 1) {
      const double length = step.lambda[1] - step.lambda[0];
      const auto panels = static_cast<std::size_t>(std::ceil(16 * std::abs(length)));
      const double h = length / static_cast<double>(panels);
      for (std::size_t panel = 0; panel < panels; ++panel)
        for (const auto& [node, weight] : gauss_legendre) {
          const double lambda = step.lambda[0] + h * (static_cast<double>(panel) + 0.5 + node);
          const double theta = step.clock(lambda, time_of_log_snr(sde, 2 * lambda));
          double value = -weight * h * std::exp(-lambda);  // ds = −s dλ
          for (std::size_t k = 1; k < count; ++k) moments[k] += value *= theta;
        }
    }
    return moments;
  }

  /// Nodes and weights on [−½, ½], exact up to degree 5.
  struct QuadraturePoint {
    double node, weight;
  };
  static constexpr std::array<QuadraturePoint, 3> gauss_legendre{
      {{-0.38729833462074168852, 5.0 / 18}, {0, 8.0 / 18}, {0.38729833462074168852, 5.0 / 18}}};
};

/// The Adams-Bashforth exponential integrator in time: tAB-DEIS of order 1 to 4.
template <int Order>
using Deis = AdamsBashforth<Order, AdamsClock::time>;

/// The linear multistep method in σ/α: LMS, or ρAB-DEIS, of order 1 to 4.
template <int Order>
using Lms = AdamsBashforth<Order, AdamsClock::noise_ratio>;

}  // namespace scoresde
