// SPDX-License-Identifier: MIT
/// Restart: the exact distribution of its chain on Gaussian data, its intervals, and errors.
#include <cmath>
#include <vector>

#include <scoresde/registry/solver_registry.hpp>
#include <scoresde/sampler/solver_sampler.hpp>
#include <scoresde/score/gaussian_mixture.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/solver/restart.hpp>
#include <scoresde/testing/chain_moments.hpp>
#include <scoresde/time/log_snr_grid.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;

namespace {

constexpr double data_mean = 0.8, data_variance = 0.3;

/// Mean and variance of x for σ = t, propagated explicitly.
struct Law {
  double mean, variance;

  /// x ← a x + b for Heun's step from s to u, as the exact score of N(m, v) is −(x − m)/(v + s²).
  void heun(double s, double u) {
    const auto slope = [](double x, double at) {
      return at * (x - data_mean) / (data_variance + at * at);
    };
    const auto moved = [&](double x) {
      const double first = slope(x, s), guess = x + (u - s) * first;
      return x + 0.5 * (u - s) * (first + slope(guess, u));
    };
    const double b = moved(0), a = moved(1) - b;
    mean = a * mean + b;
    variance *= a * a;
  }
  void down(const TimeGrid& grid) {
    for (const TimeStep& step : grid) heun(step.t, step.t_next);
  }
};

template <class S>
testing::Moments moments_of(const S& sde, const Restart& solver, const TimeGrid& grid,
                            double start_mean) {
  GaussianMixture<S> model(sde, {1}, {data_mean}, {data_variance});
  const MarginalProb p = sde.marginal_prob(grid.front().t);
  const testing::Moments start{{start_mean}, {p.mean * p.mean * data_variance + p.std * p.std}};
  return testing::chain_moments(
      SolverSampler{sde, solver, grid, {.final_step = FinalStep::keep_noise}}, model, start);
}

}  // namespace

TEST_CASE("the chain of Restart on Gaussian data has the moments of its algorithm") {
  const EdmSde sde({.sigma_min = 0.01, .sigma_max = 40});
  const TimeGrid grid = karras_grid(sde, 12);
  const Restart solver{.intervals = {{.low = 0.1, .high = 0.6, .repeats = 3, .steps = 4},
                                     {.low = 1, .high = 3, .repeats = 1, .steps = 2}},
                       .s_noise = 1.1};
  Law law{2, data_variance + 40 * 40};
  const auto nearest = [&](double low) {
    std::size_t best = 0;
    for (std::size_t i = 0; i < grid.size(); ++i)
      if (std::abs(std::log(grid[i].t_next / low)) < std::abs(std::log(grid[best].t_next / low)))
        best = i;
    return best;
  };
  for (std::size_t i = 0; i < grid.size(); ++i) {
    law.heun(grid[i].t, grid[i].t_next);
    for (const RestartInterval& interval : solver.intervals) {
      if (i != nearest(interval.low)) continue;
      const double low = grid[i].t_next;
      for (std::size_t k = 0; k < interval.repeats; ++k) {
        law.variance += 1.1 * 1.1 * (interval.high * interval.high - low * low);
        law.down(karras_grid(sde, interval.high, low, interval.steps));
      }
    }
  }
  const testing::Moments found = moments_of(sde, solver, grid, 2);
  CHECK(found.mean[0] == Approx(law.mean).epsilon(1e-12));
  CHECK(found.covariance[0] == Approx(law.variance).epsilon(1e-12));
  CHECK(SolverSampler{sde, solver, grid, {.final_step = FinalStep::keep_noise}}.nfe() ==
        2 * (12 + 3 * 4 + 2));
}

TEST_CASE(
    "Restart preserves the data distribution under every SDE and reduces an error of the mean") {
  const auto check = [](const auto& sde, double off) {
    const TimeGrid grid = karras_grid(sde, 60);
    const Restart solver{.intervals = {{.low = 0.1, .high = 2, .repeats = 2, .steps = 30}}};
    const double start = sde.marginal_prob(sde.t_max()).mean * data_mean + off;
    const testing::Moments found = moments_of(sde, solver, grid, start);
    const testing::Moments flow = moments_of(sde, Restart{.intervals = {}}, grid, start);
    const MarginalProb end = sde.marginal_prob(sde.t_min());
    CHECK(found.covariance[0] ==
          Approx(end.mean * end.mean * data_variance + end.std * end.std).epsilon(0.01));
    const double exact = end.mean * data_mean;
    CHECK(std::abs(found.mean[0] - exact) < 0.2 * std::abs(flow.mean[0] - exact));
  };
  check(VpSde(), 0.5);
  check(EdmSde(), 40);
}

TEST_CASE("Restart ends at the data in its last step and skips intervals that are not reached") {
  const VpSde sde;
  const TimeGrid grid = log_snr_grid(sde, 10);
  CHECK(SolverSampler{sde, Restart{}, grid, {.final_step = FinalStep::keep_noise}}.nfe() ==
        2 * (10 + 2 * 4));
  CHECK(Restart{}.most_evaluations(10) == 2 * (10 + 2 * 4));
  CHECK(cifar10_restart_solver().most_evaluations(10) == 2 * (10 + 2 * 2));
  CHECK(SolverSampler{sde, Restart{}, grid}.nfe() == 2 * (9 + 2 * 4) + 1);
  CHECK(SolverSampler{
            sde, Restart{}, log_snr_grid(sde, 1, 0.5, 10), {.final_step = FinalStep::keep_noise}}
            .nfe() == 2 * 10);
}

TEST_CASE("Restart evaluates as often as the authors' configuration of 203 for ImageNet 64") {
  // README of github.com/Newbeeer/diffusion_restart_sampling: 36 steps, the last one of them to
  // σ = 0, and N_Restart = 4, 4, 4, 4, 6.
  const Restart solver{.intervals = {{.low = 19.35, .high = 40.79, .repeats = 1, .steps = 3},
                                     {.low = 1.09, .high = 1.92, .repeats = 1, .steps = 3},
                                     {.low = 0.59, .high = 1.09, .repeats = 5, .steps = 3},
                                     {.low = 0.3, .high = 0.59, .repeats = 5, .steps = 3},
                                     {.low = 0.06, .high = 0.3, .repeats = 6, .steps = 5}}};
  const EdmSde sde;
  CHECK(SolverSampler{sde, solver, karras_grid(sde, 36)}.nfe() == 203);
}

TEST_CASE("Restart rejects invalid intervals, noise and grids") {
  const VpSde sde;
  CHECK_THROWS_WITH((Restart{.intervals = {{.low = 1, .high = 0.5}}}.validate()),
                    Contains("interval 0 goes from 1 to 0.5"));
  CHECK_THROWS_WITH((Restart{.intervals = {{.repeats = 0}}}.validate()),
                    Contains("has 0 repeats of 4 steps"));
  CHECK_THROWS_WITH((Restart{.s_noise = -1}.validate()), Contains("s_noise is -1"));
  CHECK_THROWS_WITH((Restart{.rho = 0}.validate()), Contains("rho is 0"));
  CHECK_THROWS_WITH(Restart{}.stages(sde, uniform_grid(sde, 3).reversed()),
                    Contains("time must decrease"));
}
