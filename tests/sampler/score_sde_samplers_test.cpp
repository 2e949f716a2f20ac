// SPDX-License-Identifier: MIT
/// The samplers of Song et al. 2021, table 1: their evaluations and their parts.
#include <vector>

#include <scoresde/predictor/ancestral.hpp>
#include <scoresde/sampler/score_sde_samplers.hpp>
#include <scoresde/score/gaussian.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/state/host_state.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using X = HostState<double>;

namespace {

template <class S, class Sampler>
std::vector<double> drawn(const S& sde, const Sampler& sampler, std::size_t nfe) {
  Gaussian model(sde, std::vector<double>(8, 0.3), std::vector<double>(8, 0.25));
  X x({2, 8});
  REQUIRE(sampler.sample(model, x, Noise{.seed = 4}).nfe == nfe);
  REQUIRE(sampler.nfe() == nfe);
  return {x.data(), x.data() + x.size()};
}

template <class S>
void check_what_they_are(const S& sde, double snr, double snr_ancestral, double snr_alone) {
  const auto by_hand = [&](auto predictor, auto corrector, std::size_t steps, std::size_t nfe) {
    const TimeGrid grid = uniform_grid(sde, steps);
    return drawn(sde, PredictorCorrector(sde, predictor, corrector, grid), nfe);
  };
  const ReverseDiffusion reverse;
  REQUIRE(drawn(sde, p1000(sde), 1000) == by_hand(reverse, NoCorrector{}, 1000, 1000));
  REQUIRE(drawn(sde, p2000(sde), 2000) == by_hand(reverse, NoCorrector{}, 2000, 2000));
  REQUIRE(drawn(sde, c2000(sde), 2000) ==
          by_hand(NoPredictor{}, Langevin{.snr = snr_alone, .steps = 2}, 1000, 2000));
  REQUIRE(drawn(sde, pc1000(sde), 2000) == by_hand(reverse, Langevin{.snr = snr}, 1000, 2000));
  REQUIRE(drawn(sde, p1000(sde, Ancestral{}), 1000) ==
          by_hand(Ancestral{}, NoCorrector{}, 1000, 1000));
  REQUIRE(drawn(sde, pc1000(sde, Ancestral{}), 2000) ==
          by_hand(Ancestral{}, Langevin{.snr = snr_ancestral}, 1000, 2000));
}

}  // namespace

TEST_CASE("the names of table 1 select these steps, predictors and correctors") {
  check_what_they_are(VeSde(), 0.16, 0.17, 0.22);
  check_what_they_are(VpSde(), 0.01, 0.01, 0.27);
}

TEST_CASE("SDE and predictor determine the signal-to-noise ratio") {
  REQUIRE(score_sde_snr(EdmSde(), score_sde_pc1000) == 0.16);
  REQUIRE(score_sde_snr(EdmSde(), score_sde_pc1000, Ancestral{}) == 0.17);
  const ReverseDiffusion flow{.probability_flow = true};
  REQUIRE(score_sde_snr(VeSde(), score_sde_pc1000, flow) == 0.17);
  REQUIRE(score_sde_snr(VpSde(), score_sde_pc1000, flow) == 0.04);
  REQUIRE(score_sde_snr(SubVpSde(), score_sde_pc1000) == 0.01);
  REQUIRE(score_sde_snr(SubVpSde(), score_sde_pc1000, Ancestral{}) == 0.01);
  REQUIRE(score_sde_snr(SubVpSde(), score_sde_c2000) == 0.27);
}

TEST_CASE("all samplers except P1000 take 2000 evaluations, and are found by name") {
  for (const ScoreSdeSampler& sampler : score_sde_samplers) {
    REQUIRE(sampler.nfe() == (sampler.name == "P1000" ? 1000 : 2000));
    REQUIRE(&score_sde_sampler(sampler.name) == &sampler);
  }
  REQUIRE_THROWS_WITH(score_sde_sampler("P500"),
                      Catch::Matchers::Contains("P500") && Catch::Matchers::Contains("PC1000"));
}
