// SPDX-License-Identifier: MIT
/// The coefficients of the predictors: their formulas, and their relations to each other.
#include <cmath>

#include <scoresde/predictor/ancestral.hpp>
#include <scoresde/predictor/ddim.hpp>
#include <scoresde/predictor/euler_maruyama.hpp>
#include <scoresde/predictor/no_predictor.hpp>
#include <scoresde/predictor/reverse_diffusion.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/rectified_flow_sde.hpp>
#include <scoresde/sde/score_sde_discrete.hpp>
#include <scoresde/solver/dpm_solver.hpp>

#include "support/catch.hpp"

using namespace scoresde;

namespace {

/// Calls use(sde) for every continuous SDE.
template <class Use>
void each_sde(Use use) {
  use(VpSde());
  use(VeSde());
  use(SubVpSde());
  use(EdmSde());
  use(CosineVpSde());
  use(RectifiedFlowSde());
}

Approx near(double value) { return Approx(value).epsilon(1e-13).margin(0); }

}  // namespace

static_assert(Predictor<EulerMaruyama, VpSde> && Predictor<ReverseDiffusion, VeSde>);
static_assert(Predictor<Ddim, SubVpSde> && Predictor<EulerAncestral, VeSde>);
static_assert(Predictor<Ancestral, SubVpSde> && Predictor<NoPredictor, VpSde>);

TEST_CASE("the coefficients of Euler-Maruyama are those of eq. 6") {
  each_sde([](const auto& sde) {
    const TimeStep step{0.6, 0.55};
    const double h = step.t_next - step.t, f = sde.drift(0.6), g = sde.diffusion(0.6);
    const StepCoefficients c = EulerMaruyama{}.coefficients(sde, step);
    CHECK(c.state == near(1 + h * f));
    CHECK(c.score == near(-h * g * g));
    CHECK(c.noise == near(g * std::sqrt(-h)));
    const StepCoefficients flow = EulerMaruyama{.probability_flow = true}.coefficients(sde, step);
    CHECK(flow.state == c.state);
    CHECK(flow.score == near(c.score / 2));
    CHECK(flow.noise == 0);
  });
}

TEST_CASE("reverse diffusion mirrors the forward chain") {
  each_sde([](const auto& sde) {
    const TimeStep step{0.6, 0.55};
    const Transition chain = transition(sde, step);
    const StepCoefficients c = ReverseDiffusion{}.coefficients(sde, step);
    CHECK(c.state == near(2 - chain.mean));
    CHECK(c.score == near(chain.variance));
    CHECK(c.noise * c.noise == near(chain.variance));
    const StepCoefficients flow =
        ReverseDiffusion{.probability_flow = true}.coefficients(sde, step);
    CHECK(flow.state == c.state);
    CHECK(flow.score == near(c.score / 2));
    CHECK(flow.noise == 0);
  });
}

TEST_CASE("ancestral sampling with the small variance samples the posterior of known data") {
  // Data at a single point x0: the step must reproduce p(x_s | x_t, x0) of Ho et al. 2020, eq. 7.
  each_sde([](const auto& sde) {
    const TimeStep step{0.7, 0.4};
    const MarginalProb p = sde.marginal_prob(0.7), q = sde.marginal_prob(0.4);
    const Transition chain = transition(sde, step);
    const StepCoefficients c = Ancestral{}.coefficients(sde, step);
    const double x0 = 0.8, x = 1.3, score = -(x - p.mean * x0) / (p.std * p.std);
    const double precision = 1 / (q.std * q.std) + chain.mean * chain.mean / chain.variance;
    const double mean =
        (q.mean * x0 / (q.std * q.std) + chain.mean * x / chain.variance) / precision;
    CHECK(c.state * x + c.score * score == Approx(mean).epsilon(1e-11));
    CHECK(c.noise * c.noise == Approx(1 / precision).epsilon(1e-11));
  });
}

TEST_CASE("ancestral sampling with the large variance adds the variance of the chain") {
  each_sde([](const auto& sde) {
    const TimeStep step{0.7, 0.4};
    const StepCoefficients small = Ancestral{}.coefficients(sde, step);
    const StepCoefficients large =
        Ancestral{.variance = PosteriorVariance::large}.coefficients(sde, step);
    CHECK(large.noise * large.noise == near(transition(sde, step).variance));
    CHECK(large.state == small.state);
    CHECK(large.score == small.score);
    CHECK(small.noise < large.noise);
  });
}

TEST_CASE("the three predictors agree to second order in a small step") {
  each_sde([](const auto& sde) {
    const auto gap = [&](double h) {
      const TimeStep step{0.5, 0.5 - h};
      const StepCoefficients a = EulerMaruyama{}.coefficients(sde, step);
      const StepCoefficients b = ReverseDiffusion{}.coefficients(sde, step);
      const StepCoefficients c = Ancestral{}.coefficients(sde, step);
      const double scale = 1 + sde.diffusion(0.5) * sde.diffusion(0.5);
      return (std::abs(a.state - b.state) + std::abs(b.state - c.state) +
              std::abs(a.score - b.score) + std::abs(b.score - c.score)) /
             scale;
    };
    // A difference of second order decreases by 4 when the step is halved.
    CHECK(gap(1e-3) < 1e-3);
    CHECK(gap(1e-3) / gap(5e-4) == Approx(4).epsilon(0.05));
  });
}

TEST_CASE("predictors use the discrete chain of an SDE that has one") {
  const DiscreteVpSde sde(1000);
  const TimeStep step{0.5, 0.5 - 1e-3};
  const double beta = sde.discrete_beta(sde.index(0.5));
  CHECK(ReverseDiffusion{}.coefficients(sde, step).score == near(beta));
  CHECK(Ancestral{}.coefficients(sde, step).state == near(1 / std::sqrt(1 - beta)));
}

TEST_CASE("NoPredictor does nothing and needs no score") {
  const StepCoefficients c = NoPredictor{}.coefficients(VpSde(), {1, 0.5});
  CHECK(c.state == 1);
  CHECK(c.score == 0);
  CHECK(c.noise == 0);
  STATIC_REQUIRE_FALSE(predictor_needs_score<NoPredictor>);
  STATIC_REQUIRE(predictor_needs_score<Ancestral>);
}

TEST_CASE("the mean of a step is the step without its noise") {
  const StepCoefficients mean = without_noise({0.5, 0.25, 3});
  CHECK(mean.state == 0.5);
  CHECK(mean.score == 0.25);
  CHECK(mean.noise == 0);
}

TEST_CASE("DDIM is the first-order exponential step for eta = 0 and ancestral for eta = 1") {
  each_sde([](const auto& sde) {
    const TimeStep step{0.6, 0.55};
    const MarginalProb p = sde.marginal_prob(step.t);
    const SolverStage solver = DdimSolver{}.stages(sde, TimeGrid({step}))[0];
    const StepCoefficients none = Ddim{}.coefficients(sde, step);
    CHECK(none.state == near(solver.state));
    CHECK(none.score == Approx(-p.std * solver.weights[0]).epsilon(1e-11));
    CHECK(none.noise == 0);
    const StepCoefficients all = Ddim{.eta = 1}.coefficients(sde, step);
    const StepCoefficients ancestral = Ancestral{}.coefficients(sde, step);
    CHECK(all.state == near(ancestral.state));
    CHECK(all.score == Approx(ancestral.score).epsilon(1e-11));
    CHECK(all.noise == near(ancestral.noise));
    CHECK(EulerAncestral{}.coefficients(sde, step).noise == all.noise);
  });
  CHECK_THROWS_WITH(Ddim{.eta = 1.2}.validate(), Catch::Matchers::Contains("eta is 1.2"));
  CHECK_THROWS_WITH(EulerAncestral{.eta = -1}.validate(), Catch::Matchers::Contains("eta is -1"));
}
