// SPDX-License-Identifier: MIT
/// The identities of the continuous SDEs, their accuracy at small times, and errors.
#include <cmath>

#include <scoresde/sde/score_sde_discrete.hpp>
#include <scoresde/sde/sde.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/transition.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/testing/sde_laws.hpp>

#include "support/catch.hpp"

using namespace scoresde;

namespace {

template <class S>
void keeps_laws(const S& sde) {
  for (const auto& law : testing::check_sde_laws(sde)) FAIL_CHECK(law);
}

}  // namespace

TEST_CASE("VP satisfies the identities of an SDE for any schedule") {
  keeps_laws(VpSde());
  keeps_laws(VpSde({.beta_min = 0.5, .beta_max = 12}));
  keeps_laws(DiscreteVpSde(1000));
}

TEST_CASE("VE satisfies the identities of an SDE for any schedule") {
  keeps_laws(VeSde());
  keeps_laws(VeSde({.sigma_min = 0.02, .sigma_max = 300}));
  keeps_laws(DiscreteVeSde(1000));
}

TEST_CASE("sub-VP satisfies the identities of an SDE for any schedule") {
  keeps_laws(SubVpSde());
  keeps_laws(SubVpSde({.beta_min = 0.5, .beta_max = 12}));
  keeps_laws(DiscreteSubVpSde(1000));
}

TEST_CASE("marginals have full precision at t = 1e-5") {
  // Taylor series of std² = 1 − exp(−u), u = ∫β, summed in long double.
  const long double t = 1e-5L, u = 0.1L * t + 0.5L * 19.9L * t * t;
  const long double variance = u - u * u / 2 + u * u * u / 6;
  CHECK(VpSde().marginal_prob(1e-5).std ==
        Approx(static_cast<double>(std::sqrt(variance))).epsilon(4e-16).margin(0));
  CHECK(SubVpSde().marginal_prob(1e-5).std ==
        Approx(static_cast<double>(variance)).epsilon(4e-16).margin(0));
  CHECK(VeSde().marginal_prob(1e-5).std ==
        Approx(static_cast<double>(0.01L * std::pow(5000.0L, 1e-5L))).epsilon(4e-16).margin(0));
}

TEST_CASE("times outside [0, T] and invalid schedules are rejected") {
  CHECK_THROWS_AS(VpSde().marginal_prob(-1e-9), Error);
  CHECK_THROWS_AS(VeSde().marginal_prob(1.0001), Error);
  CHECK_THROWS_AS(SubVpSde().marginal_prob(std::nan("")), Error);
  CHECK_THROWS_AS(VpSde({.beta_min = 2, .beta_max = 1}), Error);
  CHECK_THROWS_AS(VpSde({.beta_min = -1}), Error);
  CHECK_THROWS_AS(VeSde({.sigma_min = 0}), Error);
  CHECK_THROWS_AS(VeSde({.sigma_min = 2, .sigma_max = 1}), Error);
  CHECK_THROWS_AS(SubVpSde({.t_min = 1}), Error);
}

TEST_CASE("errors name the argument and its value") {
  CHECK_THROWS_WITH(VeSde({.sigma_min = -3}), Catch::Matchers::Contains("sigma_min is -3"));
  CHECK_THROWS_WITH(VpSde().marginal_prob(7), Catch::Matchers::Contains("time 7"));
}

TEST_CASE("transitions compose to the marginal") {
  const auto check = [](const auto& sde) {
    for (const double s : {1e-4, 0.1, 0.6})
      for (const double t : {0.2 + s / 2 + 0.1, 1.0}) {
        if (s >= t) continue;
        const Transition step = transition(sde, {t, s});
        const MarginalProb p = sde.marginal_prob(t), q = sde.marginal_prob(s);
        CHECK(step.mean * q.mean == Approx(p.mean).epsilon(1e-14));
        CHECK(step.mean * step.mean * q.std * q.std + step.variance ==
              Approx(p.std * p.std).epsilon(1e-13));
        CHECK(step.std == p.std);
        CHECK(step.std_next == q.std);
      }
  };
  check(VpSde());
  check(VeSde());
  check(SubVpSde());
}
