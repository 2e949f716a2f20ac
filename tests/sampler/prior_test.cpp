// SPDX-License-Identifier: MIT
/// The initial states of samplers: the prior's mean, and the marginal if a run begins below T.
#include <array>
#include <cmath>
#include <span>
#include <vector>

#include <scoresde/corrector/annealed_langevin.hpp>
#include <scoresde/corrector/no_corrector.hpp>
#include <scoresde/noise/recorded_noise.hpp>
#include <scoresde/ode/adaptive_runge_kutta.hpp>
#include <scoresde/ode/tableaux.hpp>
#include <scoresde/predictor/ancestral.hpp>
#include <scoresde/predictor/reverse_diffusion.hpp>
#include <scoresde/sampler/adaptive_dpm_solver.hpp>
#include <scoresde/sampler/adaptive_sde.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/sampler/prior.hpp>
#include <scoresde/sampler/probability_flow.hpp>
#include <scoresde/sampler/solver_sampler.hpp>
#include <scoresde/score/gaussian.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/rectified_flow_sde.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/sde/with_prior_mean.hpp>
#include <scoresde/solver/dpm_solver.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/time/log_snr_grid.hpp>

#include "support/catch.hpp"
#include "support/states.hpp"

using namespace scoresde;
using scoresde::test::mean_square;
using scoresde::test::state_of;
using X = HostState<double>;

TEST_CASE("the prior's mean is added to its draw, named or recorded") {
  const NoiseDraw draw = Noise{.seed = 4}.draw(0);
  const Extents shape{3, 2};
  const X z = state_of(draw, shape);
  const VeSde sde({.sigma_max = 5});
  struct OneMean : VeSde {
    double prior_mean() const { return -3; }
  };
  const auto check = [&](const auto& prior, std::array<double, 2> mean) {
    X named(shape), recorded(shape);
    draw_prior(prior, named, draw);
    draw_prior(prior, recorded, z);
    for (std::size_t k = 0; k < 3; ++k)
      for (std::size_t e = 0; e < 2; ++e) {
        CHECK(named(k, e) == Approx(mean[e] + prior.prior_std() * z(k, e)).epsilon(1e-15));
        CHECK(recorded(k, e) == Approx(named(k, e)).epsilon(1e-15));
      }
  };
  check(sde, {0, 0});
  check(WithPriorMean(sde, 0.5), {0.5, 0.5});
  check(WithPriorMean(sde, {0.5, -2}), {0.5, -2});
  check(OneMean{}, {-3, -3});
  X x(shape);
  CHECK_THROWS_WITH(draw_prior(WithPriorMean(sde, {1, 2, 3}), x, draw),
                    "prior mean: it has 3 elements and the state 2; 1 or as many are needed");
}

TEST_CASE("every sampler starts at the prior's mean and without noise ends at the data's mean") {
  // Under VE the exact score is 0 at the data's mean at all times.
  const VeSde sde({.sigma_max = 2});
  const std::vector<double> mean{3, -1};
  Gaussian data(sde, mean, {0.25, 0.01});
  const TimeGrid grid = uniform_grid(sde, 5);
  const std::vector<X> zeros(20, X({1, 2}));
  const auto ends_at = [&](const auto& sampler) {
    X x({1, 2});
    sampler.sample(data, x, RecordedNoise<X>{std::span<const X>(zeros)});
    return std::vector<double>(x.data(), x.data() + 2);
  };
  const WithPriorMean centered(sde, mean);
  CHECK(ends_at(PredictorCorrector{centered, ReverseDiffusion{}, AnnealedLangevin{}, grid}) ==
        mean);
  CHECK(ends_at(ProbabilityFlow{centered, Heun{}, grid}) == mean);
  const auto fast = ends_at(SolverSampler{centered, DdimSolver{}, grid});
  for (std::size_t e = 0; e < 2; ++e) CHECK(fast[e] == Approx(mean[e]).epsilon(1e-13));
  CHECK(std::abs(ends_at(ProbabilityFlow{sde, Heun{}, grid})[0] - mean[0]) > 0.1);
}

TEST_CASE("a run that begins below T starts from the marginal at that time") {
  const Extents shape{3, 2};
  const NoiseDraw draw = Noise{.seed = 4}.draw(0);
  const X z = state_of(draw, shape);
  const auto check = [&](const auto& sde, double t, double mean, double std) {
    X x(shape);
    draw_prior(sde, t, x, draw);
    for (std::size_t i = 0; i < x.size(); ++i)
      CHECK(x.data()[i] == Approx(mean + std * z.data()[i]).epsilon(1e-14));
  };
  const VpSde vp;
  check(VeSde({.sigma_max = 50}), 1, 0, 50);
  check(VeSde({.sigma_max = 50}), 0.8, 0, VeSde({.sigma_max = 50}).sigma(0.8));
  check(EdmSde(), 7.08, 0, 7.08);
  check(vp, 1, 0, 1);
  check(vp, 0.5, 0, vp.marginal_prob(0.5).std);
  check(WithPriorMean(EdmSde(), 0.5), 7.08, 0.5, 7.08);
  check(WithPriorMean(vp, 2), 0.5, 2 * vp.marginal_prob(0.5).mean, vp.marginal_prob(0.5).std);
  X x(shape);
  CHECK_THROWS_WITH(draw_prior(vp, 0.2, x, draw), Catch::Matchers::Contains("begins at t = 0.2") &&
                                                      Catch::Matchers::Contains("mean <= std/3"));
  // Where data of variance 1 would lose a twentieth of their standard deviation or more.
  CHECK_THROWS_AS(draw_prior(vp, 0.45, x, draw), Error);
  CHECK_THROWS_AS(draw_prior(SubVpSde(), 0.35, x, draw), Error);
  CHECK_THROWS_AS(draw_prior(RectifiedFlowSde(), 0.5, x, draw), Error);
  CHECK_NOTHROW(draw_prior(RectifiedFlowSde(), 0.76, x, draw));
  CHECK_NOTHROW(draw_prior(VeSde({.sigma_max = 2}), 1, x, draw));
}

TEST_CASE("every sampler starts from the marginal at the first time of its grid or span") {
  struct Start {
    X x{};
    void on_start(const ObservedStep&, const X& now) { x = now; }
  };
  const auto check = [](const auto& sde, double begin) {
    Gaussian data(sde, {0.0}, {0.25});
    const TimeStep span{begin, 0.9 * begin};
    const TimeGrid grid(std::vector<TimeStep>{span});
    X wanted({7, 1});
    draw_prior(sde, begin, wanted, Noise{.seed = 1}.draw(0));
    const auto begins = [&](const char* name, const auto& sampler) {
      INFO(name << " from t = " << begin);
      Start start;
      X x({7, 1});
      sampler.sample(data, x, Noise{.seed = 1}, start);
      for (std::size_t k = 0; k < 7; ++k) CHECK(start.x(k, 0) == wanted(k, 0));
    };
    begins("solver sampler", SolverSampler{sde, DdimSolver{}, grid});
    begins("predictor-corrector", PredictorCorrector{sde, Ancestral{}, NoCorrector{}, grid});
    begins("probability flow", ProbabilityFlow{sde, RungeKutta4{}, grid});
    begins("adaptive flow", ProbabilityFlow{sde, AdaptiveRungeKutta<>{}, span});
    begins("adaptive DPM-Solver", AdaptiveDpmSolver{sde, DpmSolver23{}, span});
    begins("adaptive SDE", AdaptiveSde{sde, span});
  };
  check(EdmSde(), 80);
  check(EdmSde(), 7.08);
  check(VeSde(), 0.8);
  check(VpSde(), 0.5);
}

TEST_CASE("runs from below T reach the data's standard deviation, except for the omitted term") {
  // Data N(0, 0.25); 20000 samples: the standard deviation has a standard error of 0.5 %. The draw
  // omits mean² times the variance of the data, which is visible where std is not large.
  const auto check = [](const auto& sde, double begin, double most_lacking) {
    Gaussian data(sde, {0.0}, {0.25});
    X x({20000, 1});
    SolverSampler{sde, DpmSolverPlusPlus<2>{}, karras_grid(sde, begin, sde.t_min(), 40)}.sample(
        data, x, Noise{.seed = 1});
    const MarginalProb p = sde.marginal_prob(begin);
    const double wanted = 0.5 * p.std / std::sqrt(p.std * p.std + 0.25 * p.mean * p.mean);
    INFO("from t = " << begin);
    CHECK(wanted == Approx(0.5).epsilon(most_lacking));
    CHECK(std::sqrt(mean_square(x)) == Approx(wanted).epsilon(0.02));
  };
  check(EdmSde(), 80, 1e-4);
  check(EdmSde(), 14.6, 1e-3);
  check(EdmSde(), 7.08, 3e-3);
  check(VeSde(), 0.8, 2e-3);
  check(VpSde(), 0.5, 0.02);
  check(RectifiedFlowSde(), 0.76, 0.02);
}
