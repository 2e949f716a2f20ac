// SPDX-License-Identifier: MIT
/// The step sizes of the correctors, and invariance of a Gaussian under Langevin steps.
#include <cmath>

#include <scoresde/corrector/annealed_langevin.hpp>
#include <scoresde/corrector/langevin.hpp>
#include <scoresde/corrector/no_corrector.hpp>
#include <scoresde/sde/score_sde_discrete.hpp>

#include "support/catch.hpp"

using namespace scoresde;

static_assert(Corrector<Langevin, VpSde> && Corrector<AnnealedLangevin, VeSde>);
static_assert(Corrector<NoCorrector, SubVpSde>);

TEST_CASE("the step size of Langevin follows algorithm 4") {
  const StepCoefficients c = Langevin{.snr = 0.2}.rule(VpSde(), 0.5)({.score = 4, .noise = 10});
  const double epsilon = 2 * (0.2 * 10 / 4) * (0.2 * 10 / 4);
  CHECK(c.state == 1);
  CHECK(c.score == Approx(epsilon).epsilon(1e-15));
  CHECK(c.noise == Approx(std::sqrt(2 * epsilon)).epsilon(1e-15));
}

TEST_CASE("the step size of Langevin includes the SDE's scale if it has one") {
  const DiscreteVpSde sde(1000);
  const Norms norms{.score = 3, .noise = 2};
  const double plain = Langevin{}.rule(VpSde(), 1)(norms).score;
  CHECK(Langevin{}.rule(sde, 1)(norms).score == Approx(plain * sde.langevin_scale(1)));
}

TEST_CASE("the noise of a Langevin step is 1/snr times as long as its drift") {
  const Norms norms{.score = 7, .noise = 5};
  const StepCoefficients c = Langevin{.snr = 0.16}.rule(VpSde(), 0.5)(norms);
  CHECK(c.score * norms.score / (c.noise * norms.noise) == Approx(0.16).epsilon(1e-14));
}

TEST_CASE("a zero score gives no step instead of a division by zero") {
  const StepCoefficients c = Langevin{}.rule(VpSde(), 0.5)({.score = 0, .noise = 1});
  CHECK(c.state == 1);
  CHECK(c.score == 0);
  CHECK(c.noise == 0);
}

TEST_CASE("a nearly vanishing score has no Langevin step, relative to the SDE's prior") {
  const VeSde sde;
  const LangevinRule rule = Langevin{}.rule(sde, 0.5);
  const double smallest = 1e-8 / sde.prior_std();
  CHECK(std::isnan(rule({.score = 0.99 * smallest, .noise = 1}).score));
  CHECK_THROWS_WITH(rule.validate({.score = 0.99 * smallest, .noise = 1}, 0.5),
                    Catch::Matchers::Contains("Langevin: at t = 0.5 the norm of the score is"));
  CHECK_NOTHROW(rule.validate({.score = 0, .noise = 1}, 0.5));
  CHECK_NOTHROW(rule.validate({.score = 1.01 * smallest, .noise = 1}, 0.5));
  CHECK(std::isfinite(rule({.score = 1.01 * smallest, .noise = 1}).score));
}

TEST_CASE("the step size of annealed Langevin depends on the time only") {
  const StepCoefficients c = AnnealedLangevin{.snr = 0.3}.rule(SubVpSde(), 0.4)({});
  const double size = 0.3 * SubVpSde().marginal_prob(0.4).std;
  CHECK(c.score == Approx(2 * size * size).epsilon(1e-15));
  CHECK(c.noise == Approx(2 * size).epsilon(1e-15));
  STATIC_REQUIRE_FALSE(AnnealedLangevin::needs_norms);
}

TEST_CASE("small Langevin steps preserve the variance of a Gaussian to their order") {
  // Under N(0, v) a step maps the variance to (1 − ε/v)² v + 2ε = v + ε²/v: the bias is ε², not ε.
  for (const double v : {0.25, 1.0, 9.0})
    for (const double snr : {0.02, 0.05}) {
      const double t = 0.7, std = VeSde().marginal_prob(t).std;
      const StepCoefficients c = AnnealedLangevin{.snr = snr / std}.rule(VeSde(), t)({});
      const double shrink = c.state - c.score / v;
      const double after = shrink * shrink * v + c.noise * c.noise;
      CHECK(after - v == Approx(c.score * c.score / v).epsilon(1e-6));
    }
}

TEST_CASE("NoCorrector takes no step") {
  STATIC_REQUIRE(NoCorrector::steps == 0);
  CHECK(NoCorrector{}.rule(VpSde(), 0.5)({1, 1}).state == 1);
  CHECK(NoCorrector{}.rule(VpSde(), 0.5)({1, 1}).noise == 0);
}

TEST_CASE("snr and steps out of range are rejected") {
  using Catch::Matchers::Contains;
  CHECK_THROWS_WITH((Langevin{.snr = -0.1}.validate()), Contains("snr is -0.1"));
  CHECK_THROWS_WITH((Langevin{.snr = 0}.validate()), Contains("snr is 0"));
  CHECK_THROWS_WITH((Langevin{.steps = -2}.validate()), Contains("steps is -2"));
  CHECK_THROWS_WITH((AnnealedLangevin{.snr = std::nan("")}.validate()), Contains("snr is"));
  CHECK_NOTHROW((Langevin{.steps = 0}.validate()));
}
