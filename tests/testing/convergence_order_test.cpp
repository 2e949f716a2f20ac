// SPDX-License-Identifier: MIT
/// The observed order, graded grids, the exact flow of mixtures and the moments of chains.
#include <cmath>
#include <vector>

#include <scoresde/corrector/annealed_langevin.hpp>
#include <scoresde/corrector/no_corrector.hpp>
#include <scoresde/ode/tableaux.hpp>
#include <scoresde/predictor/euler_maruyama.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/sampler/probability_flow.hpp>
#include <scoresde/sampler/solver_sampler.hpp>
#include <scoresde/score/gaussian.hpp>
#include <scoresde/score/gaussian_mixture.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/solver/sde_dpm_solver.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/testing/chain_moments.hpp>
#include <scoresde/testing/convergence_order.hpp>
#include <scoresde/testing/mixture_flow.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;
using testing::ConvergencePoint;
using X = HostState<double>;

namespace {

/// Points with error f(steps).
template <class F>
std::vector<ConvergencePoint> points(const std::vector<double>& steps, F f) {
  std::vector<ConvergencePoint> made;
  for (const double n : steps) made.push_back({n, f(n)});
  return made;
}

}  // namespace

TEST_CASE("a power law gives its order, using all points") {
  const auto list = points({10, 20, 35, 80}, [](double n) { return 3 * std::pow(n, -2.5); });
  const auto seen = testing::observed_order(list);
  CHECK(seen.order == Approx(2.5).epsilon(1e-12));
  CHECK(seen.points == 4);
}

TEST_CASE("points before the asymptotic range and below rounding are excluded") {
  const auto early = points({2, 4, 100, 200, 400}, [](double n) {
    return n < 10 ? std::pow(n, -1.0) : std::pow(n, -3.0);
  });
  CHECK(testing::observed_order(early).order == Approx(3).epsilon(1e-12));
  CHECK(testing::observed_order(early).points == 3);
  const auto late =
      points({10, 20, 40, 80}, [](double n) { return n > 30 ? 3e-16 : std::pow(n, -4.0); });
  CHECK(testing::observed_order(late).order == Approx(4).epsilon(1e-12));
  CHECK(testing::observed_order(late).points == 2);
  CHECK(testing::observed_order(late, {.floor = 1e-17}).order == Approx(0).margin(1e-12));
}

TEST_CASE("too few points and non-increasing steps are rejected") {
  CHECK_THROWS_WITH(testing::observed_order(points({10, 20}, [](double) { return 1e-15; })),
                    Contains("0 of 2 errors"));
  CHECK_THROWS_WITH(testing::observed_order(points({10}, [](double) { return 1.0; })),
                    Contains("1 of 1"));
  CHECK_THROWS_WITH(testing::observed_order(points({20, 10}, [](double n) { return 1 / n; })),
                    Contains("10 steps follow 20"));
}

TEST_CASE("a graded grid has uniform log-SNR steps between short ones at its ends") {
  const SubVpSde sde;
  const double first = log_snr(sde, sde.t_max()), last = log_snr(sde, sde.t_min());
  const std::size_t steps = 10;
  for (const std::size_t parts : {1, 3}) {
    const TimeGrid grid = testing::graded_log_snr_grid(sde, steps, parts);
    CHECK(grid.front().t == sde.t_max());
    CHECK(grid.back().t_next == sde.t_min());
    CHECK(grid.size() % parts == 0);
    const double h = (last - first) / static_cast<double>(steps * parts);
    std::size_t whole = 0;
    for (const TimeStep& step : grid) {
      const double length = log_snr(sde, step.t_next) - log_snr(sde, step.t);
      CHECK(length < h * (1 + 1e-9));
      if (length > h * (1 - 1e-9)) ++whole;
    }
    CHECK(whole == (steps - 2) * parts);
    const double begins = log_snr(sde, grid[0].t_next) - first;
    CHECK(begins > h / 64 / static_cast<double>(steps) / 2);
    CHECK(begins <= h / 64 / static_cast<double>(steps) * 1.001);
    const double ends = last - log_snr(sde, grid.back().t);
    CHECK(ends == Approx(begins).epsilon(1e-6));
  }
  CHECK_THROWS_WITH(testing::graded_log_snr_grid(sde, 2), Contains("2 steps"));
  CHECK_THROWS_WITH(testing::graded_log_snr_grid(sde, 5, 0), Contains("0 parts"));
}

TEST_CASE("the exact flow of a single component is that of the Gaussian") {
  const VpSde sde;
  Gaussian<VpSde> gaussian(sde, {0.7}, {0.3});
  const testing::MixtureFlow<VpSde> mixture(sde, {2}, {0.7}, {0.3});
  X x({5, 1}, {-9, -2, 0, 0.3, 11}), a({5, 1}), b({5, 1});
  gaussian.flow(x, 0.9, 0.01, a);
  mixture.flow(x, 0.9, 0.01, b);
  for (std::size_t k = 0; k < 5; ++k)
    CHECK(b(k, 0) == Approx(a(k, 0)).epsilon(1e-12).margin(1e-12));
}

TEST_CASE("the exact flow of a mixture follows its probability flow") {
  const VpSde sde;
  const std::vector<double> weights{0.5, 0.3, 0.2}, means{-1.2, 0.4, 1.5},
      variances{0.16, 0.25, 0.04};
  GaussianMixture<VpSde> model(sde, weights, means, variances);
  const testing::MixtureFlow<VpSde> exact(sde, weights, means, variances);
  const double t = 0.4, h = 1e-4;
  X x({4, 1}, {-1.3, -0.2, 0.6, 1.4}), up = x, down = x, score = x;
  exact.flow(x, t, t + h, up);
  exact.flow(x, t, t - h, down);
  model.evaluate(x, t, score);
  for (std::size_t k = 0; k < 4; ++k) {
    const double g = sde.diffusion(t), v = sde.drift(t) * x(k, 0) - 0.5 * g * g * score(k, 0);
    CHECK((up(k, 0) - down(k, 0)) / (2 * h) == Approx(v).epsilon(1e-6));
  }
}

TEST_CASE("the quantiles of a mixture invert its distribution in both tails") {
  const testing::MixtureFlow<VpSde> mixture(VpSde(), {0.5, 0.5}, {-2, 1}, {0.1, 0.5});
  for (const double u : {1e-12, 1e-3, 0.2, 0.5, 0.77, 1 - 1e-9})
    CHECK(mixture.cdf(mixture.quantile(u, 0.3), 0.3) == Approx(u).epsilon(1e-9));
  X x({2, 1}, {-14, 12}), out = x;
  mixture.flow(x, 0.3, 0.3, out);
  CHECK(out(0, 0) == Approx(-14).epsilon(1e-10));
  CHECK(out(1, 0) == Approx(12).epsilon(1e-10));
  CHECK_THROWS_WITH(mixture.quantile(1, 0.3), Contains("u is 1"));
  CHECK_THROWS_WITH((testing::MixtureFlow<VpSde>(VpSde(), {1}, {0, 1}, {1, 1})),
                    Contains("2 means"));
  CHECK_THROWS_WITH((testing::MixtureFlow<VpSde>(VpSde(), {1, 1}, {0, 1}, {1, 0})),
                    Contains("component 1"));
}

TEST_CASE("the error against the exact flow equals that of a manual step") {
  const VpSde sde;
  Gaussian<VpSde> model(sde, {0.0},
                        {1.0});  // the marginal is always N(0, 1), so the flow is constant
  const X start({1, 1}, {2.0});
  const ProbabilityFlow sampler{
      sde, Euler{}, uniform_grid(0.5, 0.4, 1), {.final_step = FinalStep::keep_noise}};
  CHECK(testing::flow_error(sampler, model, model, start) < 1e-15);
  Gaussian<VpSde> wide(sde, {0.0}, {4.0});
  const MarginalProb p = sde.marginal_prob(0.5), q = sde.marginal_prob(0.4);
  const auto variance = [](MarginalProb m) { return 4 * m.mean * m.mean + m.std * m.std; };
  const double g = sde.diffusion(0.5);
  const double slope = sde.drift(0.5) + 0.5 * g * g / variance(p);
  const double euler = 2 * (1 - 0.1 * slope), exact = 2 * std::sqrt(variance(q) / variance(p));
  CHECK(testing::flow_error(sampler, wide, wide, start) == Approx(std::abs(euler - exact)));
}

TEST_CASE(
    "the moments of an Euler-Maruyama step match a manual calculation with full covariances") {
  const VpSde sde;
  const std::vector<double> mean{0.5, -1}, c{1.2, 0.3, 0.3, 0.7};
  Gaussian<VpSde> model(sde, mean, c);
  const testing::Moments start{model.marginal_mean(0.5), model.marginal_covariance(0.5)};
  const PredictorCorrector sampler{sde,
                                   EulerMaruyama{},
                                   NoCorrector{},
                                   TimeGrid(std::vector<double>{0.5, 0.4}),
                                   {.final_step = FinalStep::keep_noise}};
  const testing::Moments moments = testing::chain_moments(sampler, model, start);
  // At the exact marginal the mean of the score is 0, and x ← (1 − hf)x − h g² C⁻¹(x − m), h =
  // −0.1.
  const double h = -0.1, g = sde.diffusion(0.5), a = 1 + h * sde.drift(0.5), b = h * g * g;
  const auto& v = start.covariance;
  const double det = v[0] * v[3] - v[1] * v[2];
  const std::vector<double> inverse{v[3] / det, -v[1] / det, -v[2] / det, v[0] / det};
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(moments.mean[i] == Approx(a * start.mean[i]).epsilon(1e-12));
    for (std::size_t j = 0; j < 2; ++j) {
      const double own = i == j ? 1 : 0;
      const double wanted =
          a * a * v[2 * i + j] + 2 * a * b * own + b * b * inverse[2 * i + j] - h * g * g * own;
      CHECK(moments.covariance[2 * i + j] == Approx(wanted).epsilon(1e-12));
    }
  }
}

TEST_CASE("the moments of chains match those of many samples") {
  const VpSde sde({.t_min = 0.01});
  Gaussian<VpSde> model(sde, {0.5, -1}, {1.2, 0.3, 0.3, 0.7});
  const testing::Moments start{{0, 0}, {1, 0, 0, 1}};
  const auto check = [&](const auto& sampler) {
    const testing::Moments exact = testing::chain_moments(sampler, model, start);
    constexpr std::size_t samples = 40000;
    X x({samples, 2});
    sampler.sample(model, x, Noise{.seed = 7});
    std::vector<double> mean(2), second(4);
    for (std::size_t k = 0; k < samples; ++k)
      for (std::size_t i = 0; i < 2; ++i) {
        mean[i] += x(k, i) / samples;
        for (std::size_t j = 0; j < 2; ++j)
          second[2 * i + j] += (x(k, i) - exact.mean[i]) * (x(k, j) - exact.mean[j]) / samples;
      }
    for (std::size_t i = 0; i < 2; ++i) {
      const auto& c = exact.covariance;
      CHECK(std::abs(mean[i] - exact.mean[i]) < 4.5 * std::sqrt(c[3 * i] / samples));
      for (std::size_t j = 0; j < 2; ++j)
        CHECK(std::abs(second[2 * i + j] - c[2 * i + j]) <
              4.5 * std::sqrt((c[3 * i] * c[3 * j] + c[2 * i + j] * c[2 * i + j]) / samples));
    }
  };
  check(PredictorCorrector{sde, EulerMaruyama{}, AnnealedLangevin{.snr = 0.1},
                           uniform_grid(sde, 20)});
  const TimeGrid grid = uniform_grid(sde, 20);
  check(SolverSampler{sde, SdeDpmSolverPlusPlus<3>{}, grid, {.final_step = FinalStep::keep_noise}});
}

TEST_CASE("chain_moments rejects mismatched sizes and a singular covariance") {
  const VpSde sde;
  Gaussian<VpSde> model(sde, {0, 0}, {1, 1});
  const PredictorCorrector sampler{sde, EulerMaruyama{}, NoCorrector{}, uniform_grid(sde, 3)};
  CHECK_THROWS_WITH((testing::chain_moments(sampler, model, {{0, 0}, {1, 1}})), Contains("d x d"));
  CHECK_THROWS_WITH((testing::chain_moments(sampler, model, {{0, 0}, {1, 0, 0, 0}})),
                    Contains("positive definite"));
  CHECK_THROWS_WITH((testing::rms_difference(std::vector<double>{1}, std::vector<double>{1, 2})),
                    Contains("1 and 2"));
}
