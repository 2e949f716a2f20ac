// SPDX-License-Identifier: MIT
/// DPM-Solver and DPM-Solver++ as single-step methods. A step of order n spans n steps of the grid,
/// whose times in between are its inner nodes.
///
///   x₁ = a₁x + g₁φ₁(e₁) D₀,   x₂ = a₂x + g₂(φ₁(e₂) D₀ + (r₂/r₁) φ₂(e₂) (D₁ − D₀))
///   order 2:  x_t = a·x + g(φ₁ D₀ + (c/r₁)(D₁ − D₀)),   c = ½φ₁ (dpm_solver) or φ₂ (taylor)
///   order 3:  x_t = a·x + g(φ₁ D₀ + (φ₂/r₂)(D₂ − D₀)), or with φ₂, φ₃ of both differences (taylor)
///
/// with a, g, e of solver/solver.hpp for the step from s to each node, r = (λ_node − λ_s)/h. Lu et
/// al. 2022 (arXiv:2206.00927), algorithms 1 and 2 and appendix D; 2022 (arXiv:2211.01095). x at s
/// is not stored; it is expressed by the x at the preceding node.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include <scoresde/solver/dpm_solver.hpp>
#include <scoresde/time/log_snr_grid.hpp>

namespace scoresde {

/// The orders of consecutive steps that take `evaluations` in total: as many of `order` as fit, and
/// one step for the rest. With lower_order_final the last steps have lower order even if 3 divides
/// the number: …, 3, 2, 1 (arXiv:2206.00927, appendix D.3); with lower_second_order in addition if
/// `order` is 2: …, 2, 1, 1, as in diffusers.
[[nodiscard]] inline std::vector<int> single_step_orders(std::size_t evaluations, int order,
                                                         bool lower_order_final = true,
                                                         bool lower_second_order = false) {
  const auto size = static_cast<std::size_t>(order);
  std::vector<int> orders(evaluations / size, order);
  if (const auto rest = static_cast<int>(evaluations % size)) {
    orders.push_back(rest);
  } else if (order == 3 && lower_order_final && !orders.empty()) {
    orders.back() = 2;
    orders.push_back(1);
  } else if (order == 2 && lower_order_final && lower_second_order && !orders.empty()) {
    orders.back() = 1;
    orders.push_back(1);
  }
  return orders;
}

/// The grid of the published single-step solvers: steps of equal log-SNR, each divided into as many
/// equal parts as its order. Throws Error as log_snr_grid does, and for an order other than 1, 2
/// or 3.
template <class S>
[[nodiscard]] TimeGrid single_step_log_snr_grid(const S& sde, double t_max, double eps,
                                                std::size_t evaluations, int order,
                                                bool lower_order_final = true) {
  check_span(evaluations, eps, t_max);
  require(order >= 1 && order <= 3, "single-step grid: order is ", order, "; it must be 1, 2 or 3");
  const std::vector<int> orders = single_step_orders(evaluations, order, lower_order_final);
  std::vector<double> times{t_max};
  const TimeGrid outer = log_snr_grid(sde, t_max, eps, orders.size());
  for (std::size_t i = 0; i < orders.size(); ++i)
    for (const TimeStep& inner :
         log_snr_grid(sde, outer[i].t, outer[i].t_next, static_cast<std::size_t>(orders[i])))
      times.push_back(inner.t_next);
  return TimeGrid(times);
}

template <int Order, Prediction P>
struct ExponentialSingleStep {
  static_assert(Order >= 1 && Order <= 3, "DpmSolverSingleStep: the order must be 1, 2 or 3");
  static constexpr int order = Order;
  static constexpr std::size_t history = Order;
  static constexpr Prediction prediction = P;

  SolverForm form = SolverForm::dpm_solver;
  /// As in single_step_orders.
  bool lower_order_final = true;
  bool lower_second_order = false;
  /// The weight of D₁ − D₀ at the second inner node of order 3: φ₂ in the paper, ½φ₁ in diffusers
  /// with solver_type midpoint.
  SolverForm inner_form = SolverForm::taylor;

  template <Sde S>
  [[nodiscard]] std::vector<SolverStage> stages(const S& sde, const TimeGrid& grid) const {
    return stages(sde, grid, grid.size());
  }
  /// The stages of the first steps of a run of `steps`.
  template <Sde S>
  [[nodiscard]] std::vector<SolverStage> stages(const S& sde, const TimeGrid& grid,
                                                std::size_t steps) const {
    const std::vector<NoiseLevel> level = noise_levels(sde, grid);
    std::vector<SolverStage> table;
    std::vector<int> orders =
        single_step_orders(steps, Order, lower_order_final, lower_second_order);
    for (std::size_t left_out = steps - grid.size(); left_out > 0; --left_out)
      if (--orders.back() == 0) orders.pop_back();
    for (const int now : orders) {
      const std::size_t first = table.size();
      const Nodes nodes = make_nodes(&level[first], now);
      for (std::size_t k = 0; k < static_cast<std::size_t>(now); ++k) {
        SolverStage stage{.time = grid[first + k], .state = nodes[k + 1].state / nodes[k].state};
        for (std::size_t j = 0; j <= k; ++j)
          stage.weights[k - j] = nodes[k + 1].weights[j] - stage.state * nodes[k].weights[j];
        table.push_back(stage);
      }
    }
    return table;
  }

 private:
  /// x at a node = state·x_s + Σⱼ weights[j]·Dⱼ.
  struct NodeForm {
    double state = 1;
    std::array<double, 3> weights{};
  };
  using Nodes = std::array<NodeForm, 4>;

  [[nodiscard]] Nodes make_nodes(const NoiseLevel* level, int now) const {
    Nodes nodes{};
    std::array<double, 4> r{};
    const double length = level[now].lambda - level[0].lambda;
    for (int k = 1; k <= now; ++k) {
      const ExponentialStep step(P, level[0], level[k]);
      r[static_cast<std::size_t>(k)] = step.length / length;
      NodeForm& node = nodes[static_cast<std::size_t>(k)];
      node.state = step.state;
      node.weights = k == 1               ? std::array<double, 3>{phi(1, step.exponent)}
                     : k == 2 && now == 3 ? inner(step, r[2] / r[1])
                     : k == 2             ? second(step, r[1])
                                          : third(step, r[1], r[2]);
      for (double& weight : node.weights) weight *= step.gain;
    }
    return nodes;
  }

  [[nodiscard]] std::array<double, 3> inner(const ExponentialStep& step, double ratio) const {
    const double one = phi(1, step.exponent);
    const double c = ratio * (inner_form == SolverForm::taylor ? phi(2, step.exponent) : 0.5 * one);
    return {one - c, c};
  }
  [[nodiscard]] std::array<double, 3> second(const ExponentialStep& step, double r1) const {
    const double one = phi(1, step.exponent);
    const double c = (form == SolverForm::taylor ? phi(2, step.exponent) : 0.5 * one) / r1;
    return {one - c, c};
  }
  [[nodiscard]] std::array<double, 3> third(const ExponentialStep& step, double r1,
                                            double r2) const {
    const double one = phi(1, step.exponent), two = phi(2, step.exponent);
    if (form == SolverForm::dpm_solver) return {one - two / r2, 0, two / r2};
    const double three = 2 * phi(3, step.exponent);
    const double u = (r2 * two - three) / ((r2 - r1) * r1);  // of D₁ − D₀
    const double v = (three - r1 * two) / ((r2 - r1) * r2);  // of D₂ − D₀
    return {one - u - v, u, v};
  }
};

/// DPM-Solver-2 and -3, single-step: exponential steps in the predicted noise.
template <int Order>
using DpmSolverSingleStep = ExponentialSingleStep<Order, Prediction::noise>;

/// DPM-Solver++ 2S and 3S: exponential steps in the predicted data.
template <int Order>
using DpmSolverPlusPlusSingleStep = ExponentialSingleStep<Order, Prediction::data>;

}  // namespace scoresde
