// SPDX-License-Identifier: MIT
/// The scalar side of the fast solvers: φ functions, exponential steps, orders and splits.
#include <cmath>
#include <vector>

#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/solver/dpm_solver.hpp>
#include <scoresde/solver/dpm_solver_single_step.hpp>
#include <scoresde/solver/phi.hpp>
#include <scoresde/solver/solver.hpp>
#include <scoresde/solver/unipc.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;

static_assert(Solver<DdimSolver, VeSde> && Solver<DpmSolver<3>, SubVpSde>);
static_assert(Solver<DpmSolverPlusPlus<2>, VpSde> && Solver<UniPc<4>, VpSde>);
static_assert(Solver<DpmSolverSingleStep<2>, VpSde> &&
              Solver<DpmSolverPlusPlusSingleStep<3>, VpSde>);

namespace {

/// ∫₀¹ e^{(1−θ)z} θ^{k−1}/(k−1)! dθ by Gauss-Legendre's rule of three nodes on 400 intervals.
double phi_by_quadrature(int k, double z) {
  const double node = std::sqrt(0.6);
  const auto value = [&](double theta) {
    return std::exp((1 - theta) * z) * std::pow(theta, k - 1) / std::tgamma(k);
  };
  double sum = 0;
  for (int i = 0; i < 400; ++i) {
    const double middle = (i + 0.5) / 400, half = 0.5 / 400;
    sum += half / 9 *
           (5 * value(middle - node * half) + 8 * value(middle) + 5 * value(middle + node * half));
  }
  return sum;
}

/// Every solver is exact where its prediction is constant along the path: then x_t = α_t x₀ + σ_t ε
/// moves with the prediction fixed.
template <class S, class R>
void carries_a_constant_prediction(const S& sde, const R& solver) {
  const TimeGrid grid = uniform_grid(sde, 7);
  const double constant = 0.7, x_start = 1.3;
  const MarginalProb from = sde.marginal_prob(sde.t_max()), to = sde.marginal_prob(sde.t_min());
  double x = x_start;
  for (const SolverStage& stage : solver.stages(sde, grid)) {
    x *= stage.state;
    for (const double weight : stage.weights) x += weight * constant;
  }
  const bool noise = solver.prediction == Prediction::noise;
  const double exact =
      noise ? to.mean * (x_start - from.std * constant) / from.mean + to.std * constant
            : to.std * (x_start - from.mean * constant) / from.std + to.mean * constant;
  CHECK(x == Approx(exact).epsilon(1e-12).margin(1e-12));
}

template <class S>
void all_carry_a_constant(const S& sde) {
  carries_a_constant_prediction(sde, DdimSolver{});
  carries_a_constant_prediction(sde, DpmSolver<3>{});
  carries_a_constant_prediction(sde, DpmSolverPlusPlus<2>{.form = SolverForm::taylor});
  carries_a_constant_prediction(sde, DpmSolverPlusPlus<3>{});
  carries_a_constant_prediction(sde, DpmSolverSingleStep<3>{});
  carries_a_constant_prediction(sde, DpmSolverPlusPlusSingleStep<3>{.form = SolverForm::taylor});
  for (const auto prediction : {Prediction::noise, Prediction::data})
    carries_a_constant_prediction(sde, UniPc<4>{.prediction = prediction});
}

}  // namespace

TEST_CASE("phi functions equal their integrals on both sides of the series' range") {
  for (int k = 1; k <= 5; ++k)
    for (const double z : {-30.0, -3.0, -1.0, -0.999, -1e-3, 0.0, 1e-8, 0.5, 1.001, 4.0})
      CHECK(phi(k, z) == Approx(phi_by_quadrature(k, z)).epsilon(1e-11));
  CHECK(phi(0, 1.5) == std::exp(1.5));
  CHECK(phi(3, 0) == Approx(1.0 / 6).epsilon(1e-15));
}

TEST_CASE("a prediction that stays constant is carried exactly by every solver and SDE") {
  all_carry_a_constant(VpSde());
  all_carry_a_constant(SubVpSde());
  all_carry_a_constant(VeSde());
}

TEST_CASE("first-order steps in noise and in data are the same map, DDIM's") {
  const VpSde sde;
  const TimeStep step{0.8, 0.6};
  const NoiseLevel from = noise_level(sde, step.t), to = noise_level(sde, step.t_next);
  const SolverStage noise = DpmSolver<1>{}.stages(sde, TimeGrid({step}))[0];
  const SolverStage data = DpmSolverPlusPlus<1>{}.stages(sde, TimeGrid({step}))[0];
  const double x = 0.4, eps = -1.1, x0 = (x - from.sigma * eps) / from.alpha;
  const double ddim = to.alpha * x0 + to.sigma * eps;
  CHECK(noise.state * x + noise.weights[0] * eps == Approx(ddim).epsilon(1e-13));
  CHECK(data.state * x + data.weights[0] * x0 == Approx(ddim).epsilon(1e-13));
}

TEST_CASE("orders rise with the history and fall at the end of short grids") {
  const auto orders = [](int order, std::size_t steps, std::size_t below) {
    std::vector<int> list;
    for (std::size_t i = 0; i < steps; ++i) list.push_back(order_of_step(order, i, steps, below));
    return list;
  };
  CHECK(orders(3, 6, 10) == std::vector<int>{1, 2, 3, 3, 2, 1});
  CHECK(orders(3, 6, 6) == std::vector<int>{1, 2, 3, 3, 3, 3});
  CHECK(orders(2, 3, 0) == std::vector<int>{1, 2, 2});
  CHECK(orders(3, 2, 10) == std::vector<int>{1, 1});
}

TEST_CASE("single steps divide the evaluations as published") {
  CHECK(single_step_orders(6, 3) == std::vector<int>{3, 2, 1});
  CHECK(single_step_orders(7, 3) == std::vector<int>{3, 3, 1});
  CHECK(single_step_orders(8, 3) == std::vector<int>{3, 3, 2});
  CHECK(single_step_orders(6, 3, false) == std::vector<int>{3, 3});
  CHECK(single_step_orders(5, 2) == std::vector<int>{2, 2, 1});
  CHECK(single_step_orders(1, 3) == std::vector<int>{1});
  const VpSde sde;
  const TimeGrid grid = single_step_log_snr_grid(sde, 1, 1e-3, 8, 3);
  CHECK(grid.size() == 8);
  const double outer = (log_snr(sde, 1e-3) - log_snr(sde, 1)) / 3;
  CHECK(log_snr(sde, grid[0].t_next) - log_snr(sde, 1) == Approx(outer / 3).epsilon(1e-10));
  CHECK(log_snr(sde, grid[7].t_next) - log_snr(sde, grid[7].t) == Approx(outer / 2).epsilon(1e-10));
  CHECK_THROWS_WITH(single_step_log_snr_grid(sde, 1, 1e-3, 8, 4), Contains("order is 4"));
  CHECK_THROWS_WITH(single_step_log_snr_grid(sde, 1, 1e-3, 0, 2), Contains("steps is 0"));
}
