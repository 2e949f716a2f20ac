// SPDX-License-Identifier: MIT
/// The SDE of EDM: its identities, the inverse of its log-SNR, and errors.
#include <cmath>
#include <limits>

#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/transition.hpp>
#include <scoresde/testing/sde_laws.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;

TEST_CASE("the EDM SDE satisfies the identities of an SDE for any range") {
  for (const auto& law : testing::check_sde_laws(EdmSde())) FAIL_CHECK(law);
  for (const auto& law : testing::check_sde_laws(EdmSde({.sigma_min = 0.1, .sigma_max = 3})))
    FAIL_CHECK(law);
}

TEST_CASE("the time of the EDM SDE is the standard deviation of the noise") {
  const EdmSde sde;
  CHECK(sde.t_min() == 0.002);
  CHECK(sde.t_max() == 80);
  CHECK(sde.prior_std() == 80);
  CHECK(sde.marginal_prob(3.5).std == 3.5);
  CHECK(sde.marginal_prob(3.5).mean == 1);
  const Transition step = transition(sde, {5, 3});
  CHECK(step.mean == 1);
  CHECK(step.variance == Approx(16).epsilon(1e-15));
}

TEST_CASE("the log-SNR of the EDM SDE is inverted over its whole range") {
  const EdmSde sde;
  for (double t = 1e-5; t < 80; t *= 1.7)
    CHECK(time_of_log_snr(sde, log_snr(sde, t)) == Approx(t).epsilon(1e-12).margin(0));
  CHECK(time_of_log_snr(sde, log_snr(sde, 80)) == Approx(80).epsilon(1e-12));
  CHECK_THROWS_WITH(time_of_log_snr(sde, log_snr(sde, 80) - 1e-3), Contains("outside"));
}

TEST_CASE("the EDM SDE rejects invalid ranges and times") {
  CHECK_THROWS_WITH(EdmSde({.sigma_min = 0}), Contains("sigma_min is 0"));
  CHECK_THROWS_WITH(EdmSde({.sigma_min = 90}), Contains("sigma_max 80"));
  CHECK_THROWS_AS(EdmSde({.sigma_max = std::numeric_limits<double>::infinity()}), Error);
  CHECK_THROWS_AS(EdmSde({.sigma_min = std::nan("")}), Error);
  CHECK_THROWS_WITH(EdmSde().marginal_prob(80.5), Contains("time 80.5"));
  CHECK_THROWS_AS(EdmSde().marginal_prob(-1e-9), Error);
}
