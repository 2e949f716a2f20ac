// SPDX-License-Identifier: MIT
/// Observed orders of the fast solvers compared with the exact flow map of Gaussian data.
#include <algorithm>
#include <cmath>
#include <vector>

#include <scoresde/registry/any_sde.hpp>
#include <scoresde/registry/solver_registry.hpp>
#include <scoresde/sampler/solver_sampler.hpp>
#include <scoresde/score/gaussian.hpp>
#include <scoresde/sde/cosine_vp_sde.hpp>
#include <scoresde/sde/ddpm_sde.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/rectified_flow_sde.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/solver/solver_table.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/time/log_snr_grid.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using X = HostState<double>;

namespace {

constexpr Extents shape{3, 3};

Gaussian<AnySde> data(const AnySde& sde) {
  return {sde, {0.5, -1, 2}, {0.4, 0.2, 0.1, 0.2, 2, 0.3, 0.1, 0.3, 6}};
}

/// Equal steps h in log-SNR after initial steps of h²/64, doubled each time: multistep methods
/// begin at order 1, whose local error h² would otherwise hide any order above 2.
TimeGrid graded_grid(const AnySde& sde, std::size_t steps) {
  const double first = log_snr(sde, sde.t_max()), last = log_snr(sde, sde.t_min());
  const double h = 1 / static_cast<double>(steps);
  std::vector<double> times{sde.t_max()};
  double u = 0;
  for (double step = h * h / 64; step < h; step *= 2)
    times.push_back(time_of_log_snr(sde, first + (u += step) * (last - first)));
  const double rest = (1 - u) / static_cast<double>(steps - 1);
  for (std::size_t i = 1; i + 1 < steps; ++i)
    times.push_back(
        time_of_log_snr(sde, first + (u + static_cast<double>(i) * rest) * (last - first)));
  times.push_back(sde.t_min());
  return TimeGrid(times);
}

double error_of(const AnySde& sde, const SolverTable& solver, const TimeGrid& grid) {
  X x(shape), y(shape);
  draw_prior(x, sde.prior_std(), Noise{.seed = 1}.draw(0));
  data(sde).flow(x, sde.t_max(), sde.t_min(), y);
  const SolverSampler sampler{sde, solver, grid, {.final_step = FinalStep::keep_noise}};
  Workspace<X, sampler.buffers> work(x);
  sampler.integrate(data(sde), x, Noise{}, work);
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i)
    worst = std::max(worst, std::abs(x.data()[i] - y.data()[i]));
  return worst;
}

template <class R>
void multistep_order(const AnySde& sde, const R& solver, int order, std::size_t steps) {
  const auto error = [&](const TimeGrid& grid) {
    return error_of(sde, solver_table(solver, sde, grid), grid);
  };
  const double coarse = error(graded_grid(sde, steps));
  const double fine = error(graded_grid(sde, 2 * steps));
  INFO("order " << order << ", errors " << coarse << " and " << fine);
  CHECK(std::log2(coarse / fine) == Approx(order).margin(0.15));
}

template <class R>
void single_step_order(const AnySde& sde, const R& solver, std::size_t steps) {
  const auto error = [&](const TimeGrid& grid) {
    return error_of(sde, solver_table(solver, sde, grid), grid);
  };
  const double coarse = error(log_snr_grid(sde, steps));
  const double fine = error(log_snr_grid(sde, 2 * steps));
  INFO("single step, errors " << coarse << " and " << fine);
  CHECK(std::log2(coarse / fine) == Approx(R::order).margin(0.15));
}

template <Prediction P>
void dpm_orders(const AnySde& sde) {
  const auto never = std::size_t{0};
  multistep_order(sde, ExponentialMultistep<1, P>{}, 1, 100);
  for (const auto form : {SolverForm::dpm_solver, SolverForm::taylor}) {
    multistep_order(sde, ExponentialMultistep<2, P>{.form = form, .lower_order_below = never}, 2,
                    200);
    single_step_order(sde, ExponentialSingleStep<2, P>{.form = form}, 480);
    single_step_order(sde, ExponentialSingleStep<3, P>{.form = form, .lower_order_final = false},
                      480);
  }
  multistep_order(sde, ExponentialMultistep<3, P>{.lower_order_below = never}, 3, 400);
  // The published weight of the second difference is of second order only.
  multistep_order(sde,
                  ExponentialMultistep<3, P>{.second_difference = SecondDifference::halved,
                                             .lower_order_below = never},
                  2, 800);
}

/// The corrector raises the order by one.
void unipc_orders(const AnySde& sde) {
  for (const auto variant : {UniPcVariant::bh1, UniPcVariant::bh2})
    for (const auto prediction : {Prediction::noise, Prediction::data}) {
      INFO("variant " << int(variant) << ", prediction " << int(prediction));
      const auto check = [&](auto unipc, std::size_t steps) {
        unipc.variant = variant;
        unipc.prediction = prediction;
        unipc.lower_order_below = 0;
        multistep_order(sde, unipc, unipc.order + 1, steps);
        unipc.corrector = false;
        multistep_order(sde, unipc, unipc.order, steps);
      };
      check(UniPc<1>{}, 400);
      check(UniPc<2>{}, 400);
      check(UniPc<3>{}, 400);
      check(UniPc<4>{}, 300);
    }
}

void has_observed_orders(const AnySde& sde) {
  dpm_orders<Prediction::noise>(sde);
  dpm_orders<Prediction::data>(sde);
  unipc_orders(sde);
}

/// Schedules whose flows show high orders early and well above rounding: under the usual VE
/// schedule the h³ term of these data is so small that h⁴ dominates up to 1000 steps.
const BetaSchedule gentle{.beta_min = 0.5, .beta_max = 8, .t_min = 0.01};
const SigmaSchedule narrow{.sigma_min = 0.05, .sigma_max = 5};

}  // namespace

TEST_CASE("fast solvers show their orders under VP") { has_observed_orders(AnySde(VpSde(gentle))); }
TEST_CASE("fast solvers show their orders under sub-VP") {
  has_observed_orders(AnySde(SubVpSde(gentle)));
}
TEST_CASE("fast solvers show their orders under VE") { has_observed_orders(AnySde(VeSde(narrow))); }
TEST_CASE("fast solvers show their orders under the EDM SDE") {
  has_observed_orders(AnySde(EdmSde({.sigma_min = 0.05, .sigma_max = 5})));
}
TEST_CASE("fast solvers show their orders under cosine VP") {
  has_observed_orders(AnySde(CosineVpSde({.t_min = 0.05, .t_max = 0.95})));
}
TEST_CASE("fast solvers show their orders under rectified flow") {
  has_observed_orders(AnySde(RectifiedFlowSde({.t_min = 0.05, .t_max = 0.9})));
}
TEST_CASE("fast solvers show their orders under a chain of betas, across its levels") {
  has_observed_orders(AnySde(DdpmSde(linear_betas(20, 0.01, 0.3))));
}
