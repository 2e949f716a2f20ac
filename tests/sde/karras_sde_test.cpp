// SPDX-License-Identifier: MIT
/// Karras's SDE: its laws, the inverse of its log-SNR, and what it refuses.
#include <cmath>
#include <limits>

#include <scoresde/sde/karras_sde.hpp>
#include <scoresde/sde/transition.hpp>
#include <scoresde/testing/sde_laws.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;

TEST_CASE("Karras's SDE keeps the laws of an SDE, also with another range") {
  for (const auto& law : testing::check_sde_laws(KarrasSde())) FAIL_CHECK(law);
  for (const auto& law : testing::check_sde_laws(KarrasSde({.sigma_min = 0.1, .sigma_max = 3})))
    FAIL_CHECK(law);
}

TEST_CASE("Karras's time is the standard deviation of the noise") {
  const KarrasSde sde;
  CHECK(sde.t_min() == 0.002);
  CHECK(sde.t_max() == 80);
  CHECK(sde.prior_std() == 80);
  CHECK(sde.marginal_prob(3.5).std == 3.5);
  CHECK(sde.marginal_prob(3.5).mean == 1);
  const Transition step = transition(sde, {5, 3});
  CHECK(step.mean == 1);
  CHECK(step.variance == Approx(16).epsilon(1e-15));
}

TEST_CASE("log-SNR is inverted over the whole range of Karras's SDE") {
  const KarrasSde sde;
  for (double t = 1e-5; t < 80; t *= 1.7)
    CHECK(time_of_log_snr(sde, log_snr(sde, t)) == Approx(t).epsilon(1e-12).margin(0));
  CHECK(time_of_log_snr(sde, log_snr(sde, 80)) == Approx(80).epsilon(1e-12));
  CHECK_THROWS_WITH(time_of_log_snr(sde, log_snr(sde, 80) - 1e-3), Contains("outside"));
}

TEST_CASE("Karras's SDE refuses ranges and times that make no sense") {
  CHECK_THROWS_WITH(KarrasSde({.sigma_min = 0}), Contains("sigma_min is 0"));
  CHECK_THROWS_WITH(KarrasSde({.sigma_min = 90}), Contains("sigma_max 80"));
  CHECK_THROWS_AS(KarrasSde({.sigma_max = std::numeric_limits<double>::infinity()}), Error);
  CHECK_THROWS_AS(KarrasSde({.sigma_min = std::nan("")}), Error);
  CHECK_THROWS_WITH(KarrasSde().marginal_prob(80.5), Contains("time 80.5"));
  CHECK_THROWS_AS(KarrasSde().marginal_prob(-1e-9), Error);
}
