// SPDX-License-Identifier: MIT
#include <cmath>
#include <string>
#include <vector>

#include <scoresde/sde/score_sde_discrete.hpp>
#include <scoresde/sde/transition.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/sde/with_prior_mean.hpp>
#include <scoresde/testing/sde_laws.hpp>
#include <scoresde/time/log_snr.hpp>

#include "support/catch.hpp"

using namespace scoresde;

namespace {

template <class S>
constexpr bool has_chain = requires(const S& sde) {
  sde.discretize(TimeStep{});
  sde.langevin_scale(0.5);
  sde.training_steps();
};
template <class S>
constexpr bool has_inverse = requires(const S& sde) {
  sde.time_of_log_snr(0.0);
};

/// An SDE without optional members.
struct Bare {
  double drift(double) const { return 0; }
  double diffusion(double) const { return 1; }
  MarginalProb marginal_prob(double t) const { return {1, std::sqrt(t)}; }
  double prior_std() const { return 1; }
  double t_min() const { return 1e-5; }
  double t_max() const { return 1; }
};

}  // namespace

TEST_CASE("the prior mean is that of the data, scaled by the mean of p(x_T given x_0)") {
  const WithPriorMean ve(VeSde(), 0.5);
  REQUIRE(ve.prior_mean().size() == 1);
  CHECK(ve.prior_mean()[0] == 0.5);
  const VpSde sde;
  const WithPriorMean vp(sde, {1, -2, 0.25});
  REQUIRE(vp.prior_mean().size() == 3);
  const double factor = sde.marginal_prob(1).mean;
  CHECK(vp.prior_mean()[1] == -2 * factor);
  CHECK(vp.prior_mean()[2] == 0.25 * factor);
  CHECK(factor < 0.01);
}

TEST_CASE("all other members, including optional ones, are those of the SDE") {
  const WithPriorMean ve(VeSde({.sigma_max = 20}), 0.5);
  CHECK(testing::check_sde_laws(ve) == std::vector<std::string>{});
  CHECK(ve.prior_std() == 20);
  CHECK(time_of_log_snr(ve, 0) == time_of_log_snr(VeSde({.sigma_max = 20}), 0));
  const DiscreteVpSde chain(100);
  const WithPriorMean discrete(chain, 0.5);
  const TimeStep step{0.5, 0.49};
  CHECK(transition(discrete, step).variance == chain.discretize(step).variance);
  CHECK(transition(discrete, step).variance != transition(VpSde(), step).variance);
  CHECK(discrete.langevin_scale(0.5) == chain.langevin_scale(0.5));
  STATIC_REQUIRE(has_chain<WithPriorMean<DiscreteVpSde>>);
  STATIC_REQUIRE_FALSE(has_chain<WithPriorMean<VpSde>>);
  STATIC_REQUIRE(has_inverse<WithPriorMean<VpSde>>);
  STATIC_REQUIRE_FALSE(has_inverse<WithPriorMean<Bare>>);
}

TEST_CASE("a copy has an independent mean") {
  WithPriorMean first(VeSde(), {1, 2});
  const WithPriorMean second = first;
  first = WithPriorMean(VeSde(), {3, 4});
  CHECK(second.prior_mean()[1] == 2);
  CHECK(first.prior_mean()[1] == 4);
  CHECK(second.prior_mean().data() != first.prior_mean().data());
}

TEST_CASE("invalid means are rejected") {
  CHECK_THROWS_WITH(WithPriorMean(VeSde(), std::nan("")),
                    "prior mean: the data's mean is nan; it must be finite");
  CHECK_THROWS_WITH(WithPriorMean(VeSde(), std::vector<double>{}),
                    "prior mean: 0 elements given; 1 or dim are needed");
}
