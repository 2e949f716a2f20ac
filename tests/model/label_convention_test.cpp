// SPDX-License-Identifier: MIT
#include <cmath>
#include <concepts>
#include <cstddef>
#include <utility>

#include <scoresde/model/label_convention.hpp>
#include <scoresde/sde/ddpm_sde.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/score_sde_discrete.hpp>
#include <scoresde/sde/smld_sde.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/with_prior_mean.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using Catch::Contains;

namespace {

template <class S>
using Usual = typename nn::convention_of<S>::type;
static_assert(std::same_as<Usual<VpSde>, nn::NoisePredictionAtTime>);
static_assert(std::same_as<Usual<DiscreteSubVpSde>, nn::NoisePredictionAtTime>);
static_assert(std::same_as<Usual<WithPriorMean<DiscreteVeSde>>, nn::ScoreAtSigma>);
static_assert(std::same_as<Usual<EdmSde>, nn::EdmPreconditioning>);
static_assert(std::same_as<Usual<DdpmSde>, nn::NoisePredictionAtLevel>);
static_assert(std::same_as<nn::level_convention_of<WithPriorMean<SmldSde>>, nn::ScoreAtLevel>);
static_assert(std::same_as<nn::level_convention_of<DiscreteVpSde>, nn::NoisePredictionAtLevel>);

static_assert(nn::convention_fits<nn::ScoreAtSigma, VeSde>);
static_assert(nn::convention_fits<nn::NoisePredictionAtTime, DiscreteVpSde>);
static_assert(nn::convention_fits<nn::NoisePredictionAtLevel, DiscreteVpSde>);
static_assert(!nn::convention_fits<nn::NoisePredictionAtLevel, VpSde>);
static_assert(!nn::convention_fits<nn::NoisePredictionAtLevel, DiscreteSubVpSde>);
static_assert(!nn::convention_fits<nn::ScoreAtLevel, VeSde>);

}  // namespace

TEST_CASE("a DDPM network is conditioned on the index of the level, for every chain") {
  const nn::NoisePredictionAtLevel convention;
  const DdpmSde chain(linear_betas(1000));
  const DiscreteVpSde other(1000);
  double log_alpha_bar = 0;
  std::size_t i = 0;
  for (const double beta : linear_betas(1000)) {
    log_alpha_bar += std::log1p(-beta);
    const double t = double(i + 1) / 1000, other_t = double(i) / 999;
    const double q = -1 / std::sqrt(-std::expm1(log_alpha_bar));
    REQUIRE(convention.label(chain, t) == double(i));
    REQUIRE(convention.label(other, other_t) == double(i));
    REQUIRE(convention.score_form(chain, t).output == Approx(q).epsilon(1e-11));
    REQUIRE(convention.score_form(other, other_t).output == Approx(q).epsilon(1e-11));
    ++i;
  }
  CHECK(convention.score_form(chain, 0.5).state == 0);
}

TEST_CASE("an SMLD network is conditioned on its level counted from the most noise") {
  const nn::ScoreAtLevel convention;
  const SmldSde sde(10);
  CHECK(convention.label(sde, 1) == 0);
  CHECK(convention.label(sde, 0) == 9);
  CHECK(convention.label(sde, 1.0 / 3) == 6);
  CHECK(convention.score_form(sde, 1.0 / 3).output == 1);
  // score_sde's grid is off the levels by one hundredth of a level.
  CHECK(convention.label(DiscreteVeSde(1000), 1e-5) == 999);
}

TEST_CASE("a level convention rejects times between levels by default") {
  const DdpmSde ddpm(linear_betas(8));
  const SmldSde smld(5);
  CHECK_THROWS_WITH(nn::NoisePredictionAtLevel{}.label(ddpm, 0.5625), Contains("between levels"));
  CHECK_THROWS_WITH(nn::NoisePredictionAtLevel{}.score_form(ddpm, 0.5625),
                    Contains("between levels"));
  CHECK_THROWS_WITH(nn::ScoreAtLevel{}.label(smld, 0.65), Contains("between levels"));
  const nn::NoisePredictionAtLevel between{.between_levels = true};
  CHECK(between.label(ddpm, 0.5625) == 3.5);
  const DdpmSde chain(linear_betas(1000));
  for (std::size_t i = 0; i < 1000; ++i)  // a label at a level is exact
    REQUIRE(between.label(chain, chain.training_time(i)) == double(i));
  CHECK(between.score_form(ddpm, 0.5625).output ==
        Approx(-1 / ddpm.marginal_prob(0.5625).std).epsilon(1e-14));
  CHECK(nn::ScoreAtLevel{.between_levels = true}.label(smld, 0.65) == 1);
  CHECK_THROWS_WITH(between.label(ddpm, 0.0625), Contains("outside the training levels"));
}

TEST_CASE("rounded labels keep the noise of the time between levels") {
  const DdpmSde sde(linear_betas(8));
  const nn::NoisePredictionAtLevel rounded{.rounded_labels = true};
  for (const double t : {0.51, 0.56, 0.57, 0.625})
    CHECK(rounded.label(sde, t) == (t < 0.5625 ? 3 : 4));
  CHECK(rounded.score_form(sde, 0.56).output ==
        Approx(-1 / sde.marginal_prob(0.56).std).epsilon(1e-14));
  CHECK_THROWS_WITH(rounded.label(sde, 0.0625), Contains("outside the training levels"));
}

TEST_CASE("between levels score_sde's VP uses a fractional label and the std of the level below") {
  const DiscreteVpSde sde(1000);
  const nn::NoisePredictionAtLevel between{.between_levels = true};
  const double t = score_sde_grid(1, 1e-3, 1000)[500].t;
  CHECK(between.label(sde, t) == Approx(499.5).epsilon(1e-3));
  CHECK(between.score_form(sde, t).output ==
        -1 / sde.training_marginal(sde.training_time(499)).std);
}

TEST_CASE("predictions of noise, data and velocity give the score of Gaussian data") {
  constexpr double variance = 0.3, x = 1.7;  // data N(0, variance): all posterior means are linear
  const auto check = [&](const auto& sde, auto convention, double t) {
    const auto [alpha, sigma] = sde.marginal_prob(t);
    const double total = alpha * alpha * variance + sigma * sigma;
    const double noise = sigma * x / total, data = alpha * variance * x / total;
    for (const auto& [prediction, output] :
         {std::pair(PredictionType::noise, noise),
          {PredictionType::data, data},
          {PredictionType::velocity, alpha * noise - sigma * data}}) {
      convention.prediction = prediction;
      const ScoreForm form = convention.score_form(sde, t);
      CHECK(form.state * x + form.output * output == Approx(-x / total).epsilon(1e-7));
    }
  };
  for (const double t : {0.001, 0.1, 0.5, 1.0}) {
    CAPTURE(t);
    check(VpSde{}, nn::PredictionAtTime{}, t);
    check(SubVpSde{}, nn::PredictionAtTime{}, t);
    check(DdpmSde(linear_betas(1000)), nn::PredictionAtLevel{}, t);
    check(DdpmSde(cosine_betas(1000)), nn::PredictionAtLevel{}, t);
  }
  CHECK_THROWS_WITH(nn::PredictionAtTime{.prediction = PredictionType::data}.score_form(VpSde{}, 0),
                    Contains("std is 0 at time 0"));
}

TEST_CASE("the labels of a DDPM network match the noise levels of its chain") {
  // A continuous VP SDE with label 999 t would be off by 29 % at label 1.
  const DdpmSde chain(linear_betas(1000));
  const nn::PredictionAtLevel levels;
  const nn::PredictionAtTime times;
  const double at_level = chain.marginal_prob(chain.training_time(1)).std;
  const double t = 1.0 / 999;
  REQUIRE(levels.label(chain, chain.training_time(1)) == 1);
  REQUIRE(times.label(VpSde{}, t) == Approx(1));
  CHECK(-1 / levels.score_form(chain, chain.training_time(1)).output == Approx(at_level));
  CHECK(at_level == Approx(std::sqrt(1 - (1 - 1e-4) * (1 - 1.1991991992e-4))).epsilon(1e-6));
  CHECK(VpSde{}.marginal_prob(t).std / at_level == Approx(0.707).epsilon(0.01));
}
