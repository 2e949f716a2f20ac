// SPDX-License-Identifier: MIT
/// The scalar part of the fast solvers: φ functions, exponential steps, orders and splits.
#include <cmath>
#include <vector>

#include <scoresde/registry/solver_registry.hpp>
#include <scoresde/sde/cosine_vp_sde.hpp>
#include <scoresde/sde/ddpm_sde.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/rectified_flow_sde.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/solver/adams.hpp>
#include <scoresde/solver/ancestral_noise.hpp>
#include <scoresde/solver/dpm_2_ancestral.hpp>
#include <scoresde/solver/dpm_solver.hpp>
#include <scoresde/solver/dpm_solver_ancestral.hpp>
#include <scoresde/solver/dpm_solver_sde.hpp>
#include <scoresde/solver/dpm_solver_single_step.hpp>
#include <scoresde/solver/edm.hpp>
#include <scoresde/solver/moments.hpp>
#include <scoresde/solver/phi.hpp>
#include <scoresde/solver/pndm.hpp>
#include <scoresde/solver/sa_solver.hpp>
#include <scoresde/solver/sde_dpm_solver.hpp>
#include <scoresde/solver/solver.hpp>
#include <scoresde/solver/unipc.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;

static_assert(Solver<DdimSolver, VeSde> && Solver<DpmSolver<3>, SubVpSde>);
static_assert(Solver<DpmSolverPlusPlus<2>, VpSde> && Solver<UniPc<4>, VpSde>);
static_assert(Solver<Deis<3>, VeSde> && Solver<Lms<4>, SubVpSde> && Solver<Pndm, VpSde>);
static_assert(Solver<EdmHeun, VpSde> && Solver<SaSolver<3>, VeSde>);
static_assert(Solver<DpmSolverSingleStep<2>, VpSde> &&
              Solver<DpmSolverPlusPlusSingleStep<3>, VpSde>);

namespace {

double square(double x) { return x * x; }

/// ∫₀¹ e^{(1−θ)z} θ^{k−1}/(k−1)! dθ by three-point Gauss-Legendre quadrature on 400 intervals.
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

/// Every solver is exact if its prediction is constant along the path: x_t = α_t x₀ + σ_t ε with
/// the prediction held fixed.
template <class S, class R>
void carries_a_constant_prediction(const S& sde, const R& solver, bool to_noise = false) {
  const TimeGrid down = uniform_grid(sde, 7), grid = to_noise ? down.reversed() : down;
  const double constant = 0.7, x_start = 1.3;
  const MarginalProb from = sde.marginal_prob(grid.front().t);
  const MarginalProb to = sde.marginal_prob(grid.back().t_next);
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
  for_each_solver([&](const SolverEntry& entry, const auto& solver) {
    INFO(entry.name);
    if (!entry.stochastic) carries_a_constant_prediction(sde, solver);
  });
  carries_a_constant_prediction(sde, DpmSolverPlusPlus<2>{.form = SolverForm::taylor});
  carries_a_constant_prediction(sde, DpmSolverPlusPlusSingleStep<3>{.form = SolverForm::taylor});
  carries_a_constant_prediction(sde, UniPc<4>{.prediction = Prediction::noise});
  for (const auto prediction : {Prediction::noise, Prediction::data}) {
    carries_a_constant_prediction(sde, EdmHeun{.prediction = prediction});
    carries_a_constant_prediction(sde, Dpm2{.prediction = prediction});
  }
  carries_a_constant_prediction(
      sde, DpmSolverPlusPlusSingleStep<3>{.inner_form = SolverForm::dpm_solver});
  for (const auto prediction : {Prediction::noise, Prediction::data})
    carries_a_constant_prediction(sde, Dpm2Ancestral{.prediction = prediction, .eta = 0});
  carries_a_constant_prediction(sde, DpmSolverPlusPlusSde{.eta = 0});
  carries_a_constant_prediction(sde, SdeDpmSolver<2>{.eta = 0});
  carries_a_constant_prediction(sde, SaSolver<3, 2>{.tau = 0});
  carries_a_constant_prediction(sde, SaSolver<2>{.tau = 0, .few_steps = true});
  carries_a_constant_prediction(sde, SdeDpmSolverPlusPlus<3>{.eta = 0});
  for (const bool to_noise : {false, true}) {
    carries_a_constant_prediction(sde, DpmSolverPlusPlus2SAncestral{.eta = 0}, to_noise);
    carries_a_constant_prediction(sde, DpmSolverPlusPlusSde{.eta = 0}, to_noise);
    carries_a_constant_prediction(sde, Dpm2Ancestral{.eta = 0}, to_noise);
  }
}

/// Data at a point x₀ are predicted exactly, so the variance of x − α x₀ depends on the table only
/// and must end as that of the marginal.
template <class S, class R>
void keeps_the_marginal(const S& sde, const R& solver) {
  const TimeGrid grid = log_snr_grid(sde, 8);
  double mean = 0, variance = square(sde.marginal_prob(sde.t_max()).std);
  for (const SolverStage& stage : solver.stages(sde, grid)) {
    mean *= stage.state;
    for (const double weight : stage.weights) mean += weight;
    variance = square(stage.state) * variance + square(stage.noise.coefficient);
  }
  const MarginalProb end = sde.marginal_prob(sde.t_min()), start = sde.marginal_prob(sde.t_max());
  double factor = 1;
  for (const SolverStage& stage : solver.stages(sde, grid)) factor *= stage.state;
  CHECK(mean + factor * start.mean == Approx(end.mean).epsilon(1e-11));
  CHECK(variance == Approx(square(end.std)).epsilon(1e-10));
}

template <class S>
void all_keep_the_marginal(const S& sde) {
  for (const double share : {0.0, 0.4, 1.0}) {
    INFO("fraction of noise " << share);
    keeps_the_marginal(sde, SdeDpmSolverPlusPlus<1>{.eta = share});
    keeps_the_marginal(sde, SdeDpmSolverPlusPlus<3>{.eta = share});
    keeps_the_marginal(sde, DpmSolverPlusPlus2SAncestral{.eta = share});
    keeps_the_marginal(sde, Dpm2Ancestral{.eta = share});
    keeps_the_marginal(sde, DpmSolverPlusPlusSde{.eta = share});
    keeps_the_marginal(sde, DpmSolverPlusPlusSde{.eta = share, .midpoint = 0.3});
    keeps_the_marginal(sde, SaSolver<3>{.tau = share});
    keeps_the_marginal(sde, SaSolver<2>{.tau = share, .few_steps = true});
    keeps_the_marginal(sde, SaSolver<2, 0>{.tau = share, .low = 0.1, .high = 1});
    const Churn churn{.s_churn = 4 * share, .s_tmin = 0.02, .s_tmax = 30};
    keeps_the_marginal(sde, EdmEuler{.churn = churn});
    keeps_the_marginal(sde, EdmHeun{.churn = churn});
    keeps_the_marginal(sde, Dpm2{.churn = churn});
  }
}

double monomial(double x, int k) { return k == 0 ? 1 : x * monomial(x, k - 1); }

}  // namespace

TEST_CASE("weights of matched moments integrate polynomials exactly") {
  // ∫₀¹ θᵏ dθ over nodes of an Adams method with uneven steps.
  const NodeValues nodes{1, 0, -0.7, -2.5};
  for (std::size_t count = 1; count <= 4; ++count) {
    const NodeValues weights = match_moments(nodes, {1, 1.0 / 2, 1.0 / 3, 1.0 / 4}, count);
    for (int k = 0; k < static_cast<int>(count); ++k) {
      double sum = 0;
      for (std::size_t j = 0; j < count; ++j) sum += weights[j] * monomial(nodes[j], k);
      CHECK(sum == Approx(1.0 / (k + 1)).epsilon(1e-12));
    }
  }
  // Equal steps: the Adams-Bashforth weights.
  const NodeValues classical = match_moments({0, -1, -2, -3}, {1, 1.0 / 2, 1.0 / 3, 1.0 / 4}, 4);
  CHECK(classical[0] == Approx(55.0 / 24).epsilon(1e-12));
  CHECK(classical[3] == Approx(-9.0 / 24).epsilon(1e-12));
}

TEST_CASE("DEIS integrates polynomials in time exactly, LMS polynomials in the noise ratio") {
  // ε = tᵏ along the path under VE: ∫ tᵏ dσ with σ exponential in t, by parts.
  const VeSde sde({.sigma_min = 0.1, .sigma_max = 10});
  const double rate = std::log(100.0);
  const auto integral = [&](int k, double t) {
    double value = 0, term = sde.sigma(t);
    for (int i = k; i >= 0; --i) {
      value += term * monomial(t, i);
      term *= -i / rate;
    }
    return value;
  };
  const TimeGrid grid(std::vector<double>{1, 0.9, 0.77, 0.7, 0.55});
  const SolverStage time = Deis<4>{}.stages(sde, grid)[3];
  const SolverStage ratio = Lms<4>{}.stages(sde, grid)[3];
  for (int k = 0; k < 4; ++k) {
    double in_time = 0, in_ratio = 0;
    for (std::size_t j = 0; j < 4; ++j) {
      in_time += time.weights[j] * monomial(grid[3 - j].t, k);
      in_ratio += ratio.weights[j] * monomial(sde.sigma(grid[3 - j].t), k);
    }
    CHECK(in_time == Approx(integral(k, 0.55) - integral(k, 0.7)).epsilon(1e-10));
    CHECK(in_ratio ==
          Approx((monomial(sde.sigma(0.55), k + 1) - monomial(sde.sigma(0.7), k + 1)) / (k + 1))
              .epsilon(1e-10));
  }
}

TEST_CASE("stochastic solvers preserve the marginal of data at a point for any noise") {
  all_keep_the_marginal(VpSde());
  all_keep_the_marginal(SubVpSde());
  all_keep_the_marginal(VeSde());
}

TEST_CASE("noise-prediction SDE steps scale noise and score by eta as data-prediction steps do") {
  // With the prediction held fixed, one step of each has the same limit as h → 0; their first-order
  // terms in h are equal.
  const VpSde sde;
  for (const double eta : {0.0, 0.5, 1.0}) {
    const TimeGrid grid({0.5, 0.5 - 1e-6});
    const SolverStage noise = SdeDpmSolver<1>{.eta = eta}.stages(sde, grid)[0];
    const SolverStage data = SdeDpmSolverPlusPlus<1>{.eta = eta}.stages(sde, grid)[0];
    const NoiseLevel at = noise_level(sde, 0.5);
    const double x = 0.4, score = -1.3;
    const double eps = -at.sigma * score, x0 = (x + at.sigma * at.sigma * score) / at.alpha;
    const double by_noise = noise.state * x + noise.weights[0] * eps - x;
    const double by_data = data.state * x + data.weights[0] * x0 - x;
    CHECK(by_noise == Approx(by_data).epsilon(1e-4));
    CHECK(noise.noise.coefficient == Approx(data.noise.coefficient).epsilon(1e-4).margin(1e-12));
  }
}

TEST_CASE("the few-step rules of SA-Solver weigh the slope by a half") {
  // Two-node predictor at λ and λ − h: D₀ + (D₀ − D₋₁)/h·m, where m is the first moment.
  const VpSde sde;
  const TimeGrid grid = log_snr_grid(sde, 4);
  const SolverStage exact = SaSolver<2, 0>{}.stages(sde, grid)[2];
  const SolverStage few = SaSolver<2, 0>{.few_steps = true}.stages(sde, grid)[2];
  const NoiseLevel from = noise_level(sde, grid[2].t), to = noise_level(sde, grid[2].t_next);
  const double h = to.lambda - from.lambda, gain = 2 * to.alpha * h;
  CHECK(few.weights[1] == Approx(-0.5 * gain).epsilon(1e-9));
  CHECK(exact.weights[1] == Approx(-phi(2, -2 * h) * gain).epsilon(1e-9));
  CHECK(few.weights[0] + few.weights[1] == Approx(exact.weights[0] + exact.weights[1]));
  CHECK(few.noise.coefficient == exact.noise.coefficient);
}

TEST_CASE("churn does not exceed the SDE's T") {
  const VpSde sde;
  const EdmEuler solver{.churn = {.s_churn = 100}};
  const std::vector<SolverStage> stages = solver.stages(sde, uniform_grid(sde, 5));
  CHECK(stages[0].evaluates);  // no churn above T
  CHECK(!stages[1].evaluates);
  for (const SolverStage& stage : stages) CHECK(stage.time.t <= 1);
  const double raised = noise_level(sde, stages[1].time.t_next).lambda;
  CHECK(noise_level(sde, stages[1].time.t).lambda - raised ==
        Approx(0.5 * std::log(2.0)).epsilon(1e-9));
}

TEST_CASE("solvers reject members out of range, and noise on increasing grids") {
  const VpSde sde;
  const TimeGrid up = uniform_grid(sde, 3).reversed();
  CHECK_THROWS_WITH(EdmHeun{.churn = {.s_churn = 1}}.stages(sde, up), Contains("churn"));
  CHECK_THROWS_WITH(DpmSolverPlusPlus2SAncestral{}.stages(sde, up), Contains("time must decrease"));
  CHECK_THROWS_WITH(SaSolver<2>{}.stages(sde, up), Contains("time must decrease"));
  CHECK_THROWS_WITH(SdeDpmSolverPlusPlus<2>{}.stages(sde, up), Contains("must decrease"));
  CHECK_THROWS_WITH((EdmHeun{.churn = {.s_churn = -1}}.validate()), Contains("s_churn is -1"));
  CHECK_THROWS_WITH((EdmHeun{.churn = {.s_tmin = 2, .s_tmax = 1}}.validate()),
                    Contains("s_tmin is 2 and s_tmax 1"));
  CHECK_THROWS_WITH((EdmHeun{.churn = {.s_noise = -3}}.validate()), Contains("s_noise is -3"));
  CHECK_THROWS_WITH(DpmSolverPlusPlus2SAncestral{.eta = 1.5}.validate(), Contains("eta is 1.5"));
  CHECK_THROWS_WITH(SdeDpmSolverPlusPlus<2>{.eta = -1}.validate(), Contains("eta is -1"));
  CHECK_THROWS_WITH(SdeDpmSolver<2>{.eta = -1}.validate(), Contains("SDE-DPM-Solver: eta is -1"));
  CHECK_THROWS_WITH(Dpm2Ancestral{}.stages(sde, up), Contains("time must decrease"));
  CHECK_THROWS_WITH(Dpm2Ancestral{.eta = 2}.validate(), Contains("eta is 2"));
  CHECK_THROWS_WITH(DpmSolverPlusPlusSde{}.stages(sde, up), Contains("time must decrease"));
  CHECK_THROWS_WITH(DpmSolverPlusPlusSde{.midpoint = 1}.validate(), Contains("midpoint is 1"));
  CHECK_THROWS_WITH((SaSolver<2>{.tau = -1}.validate()), Contains("tau is -1"));
  CHECK_THROWS_WITH((SaSolver<2>{.low = 2, .high = 1}.validate()), Contains("low is 2"));
}

TEST_CASE("phi functions equal their integrals inside and outside the range of the series") {
  for (int k = 1; k <= 5; ++k)
    for (const double z : {-30.0, -3.0, -1.0, -0.999, -1e-3, 0.0, 1e-8, 0.5, 1.001, 4.0})
      CHECK(phi(k, z) == Approx(phi_by_quadrature(k, z)).epsilon(1e-11));
  CHECK(phi(0, 1.5) == std::exp(1.5));
  CHECK(phi(3, 0) == Approx(1.0 / 6).epsilon(1e-15));
}

TEST_CASE("every solver is exact for a constant prediction under every SDE") {
  all_carry_a_constant(VpSde());
  all_carry_a_constant(SubVpSde());
  all_carry_a_constant(VeSde());
  all_carry_a_constant(EdmSde());
  all_carry_a_constant(CosineVpSde());
  all_carry_a_constant(DdpmSde(linear_betas(100, 1e-3, 0.2)));
  all_carry_a_constant(RectifiedFlowSde({.t_max = 0.999}));
}

TEST_CASE("first-order steps in noise and in data are both DDIM") {
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

TEST_CASE("orders increase with the history and decrease at the end of short grids") {
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

TEST_CASE("single-step orders divide the evaluations as published") {
  CHECK(single_step_orders(6, 3) == std::vector<int>{3, 2, 1});
  CHECK(single_step_orders(7, 3) == std::vector<int>{3, 3, 1});
  CHECK(single_step_orders(8, 3) == std::vector<int>{3, 3, 2});
  CHECK(single_step_orders(6, 3, false) == std::vector<int>{3, 3});
  CHECK(single_step_orders(5, 2) == std::vector<int>{2, 2, 1});
  CHECK(single_step_orders(1, 3) == std::vector<int>{1});
  CHECK(single_step_orders(6, 2) == std::vector<int>{2, 2, 2});
  CHECK(single_step_orders(6, 2, true, true) == std::vector<int>{2, 2, 1, 1});
  CHECK(single_step_orders(6, 2, false, true) == std::vector<int>{2, 2, 2});
  // To noise-free data, the last evaluation is a step of order 1, and no other order is lowered.
  const auto evaluations_of_steps = [](std::size_t steps) {
    std::vector<int> orders;
    for (const SolverStage& stage :
         stages_to_data(DpmSolverSingleStep<3>{}, VpSde(), uniform_grid(VpSde(), steps)))
      stage.weights[1] == 0 ? orders.push_back(1) : void(++orders.back());
    return orders;
  };
  CHECK(evaluations_of_steps(6) == std::vector<int>{3, 2, 1});
  CHECK(evaluations_of_steps(7) == std::vector<int>{3, 3, 1});
  CHECK(evaluations_of_steps(8) == std::vector<int>{3, 3, 1, 1});
  const VpSde sde;
  const TimeGrid grid = single_step_log_snr_grid(sde, 1, 1e-3, 8, 3);
  CHECK(grid.size() == 8);
  const double outer = (log_snr(sde, 1e-3) - log_snr(sde, 1)) / 3;
  CHECK(log_snr(sde, grid[0].t_next) - log_snr(sde, 1) == Approx(outer / 3).epsilon(1e-10));
  CHECK(log_snr(sde, grid[7].t_next) - log_snr(sde, grid[7].t) == Approx(outer / 2).epsilon(1e-10));
  CHECK_THROWS_WITH(single_step_log_snr_grid(sde, 1, 1e-3, 8, 4), Contains("order is 4"));
  CHECK_THROWS_WITH(single_step_log_snr_grid(sde, 1, 1e-3, 0, 2), Contains("steps is 0"));
}
