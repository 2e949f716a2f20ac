// SPDX-License-Identifier: MIT
/// Cosine VP: its identities, accuracy at both ends, the inverse of its log-SNR, and errors.
#include <cmath>
#include <numbers>

#include <scoresde/sde/cosine_vp_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/testing/sde_laws.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;

namespace {

/// ᾱ(t) as published, in long double.
long double alpha_bar(long double t, long double s = 0.008L) {
  const auto cosine = [s](long double time) {
    return std::cos((time + s) / (1 + s) * std::numbers::pi_v<long double> / 2);
  };
  return cosine(t) * cosine(t) / (cosine(0) * cosine(0));
}

}  // namespace

TEST_CASE("cosine VP satisfies the identities of an SDE for any offset and time range") {
  for (const auto& law : testing::check_sde_laws(CosineVpSde())) FAIL_CHECK(law);
  for (const CosineSchedule schedule :
       {CosineSchedule{.s = 0.1}, CosineSchedule{.s = 0}, CosineSchedule{.t_max = 1 - 1e-6}})
    for (const auto& law : testing::check_sde_laws(CosineVpSde(schedule))) FAIL_CHECK(law);
}

TEST_CASE("cosine VP matches the published formula to full precision at both ends") {
  const CosineVpSde sde({.t_max = 1 - 1e-7});
  for (const double t : {1e-5, 1e-3, 0.2, 0.5, 0.9, 0.9946, 1 - 1e-6}) {
    INFO("t = " << t);
    const MarginalProb p = sde.marginal_prob(t);
    const long double power = alpha_bar(t);
    // Near its ends the published form loses digits, even in long double.
    const double left = 1e-14 + 2e-18 / t + 2e-19 / (1 - t);
    CHECK(p.mean == Approx(double(std::sqrt(power))).epsilon(left).margin(0));
    CHECK(p.std == Approx(double(std::sqrt(1 - power))).epsilon(left).margin(0));
    CHECK(p.mean * p.mean + p.std * p.std == Approx(1).epsilon(1e-15));
  }
}

TEST_CASE("cosine VP ends by default near the log-SNR at the end of the linear schedule") {
  const CosineVpSde sde;
  CHECK(log_snr(sde, sde.t_max()) == Approx(log_snr(VpSde(), 1)).margin(0.5));
}

TEST_CASE("the log-SNR of cosine VP is inverted over its whole range") {
  for (const double s : {0.0, 0.008, 0.2}) {
    const CosineVpSde sde({.s = s, .t_max = 1 - 1e-5});
    for (double t = 1e-5; t < 1; t *= 1.3)
      CHECK(time_of_log_snr(sde, log_snr(sde, t)) == Approx(t).epsilon(1e-12).margin(0));
    CHECK(time_of_log_snr(sde, log_snr(sde, sde.t_max())) == Approx(sde.t_max()).epsilon(1e-12));
    CHECK_THROWS_WITH(time_of_log_snr(sde, log_snr(sde, sde.t_max()) - 1), Contains("outside"));
  }
}

TEST_CASE("cosine VP rejects invalid schedules and times") {
  CHECK_THROWS_WITH(CosineVpSde({.s = -0.1}), Contains("s is -0.1"));
  CHECK_THROWS_AS(CosineVpSde({.s = std::nan("")}), Error);
  CHECK_THROWS_WITH(CosineVpSde({.t_max = 1}), Contains("t_max 1;"));
  CHECK_THROWS_AS(CosineVpSde({.t_min = 0.9, .t_max = 0.5}), Error);
  CHECK_THROWS_AS(CosineVpSde({.t_min = -1}), Error);
  CHECK_THROWS_WITH(CosineVpSde().marginal_prob(0.999), Contains("0.999"));
  CHECK_THROWS_AS(CosineVpSde().marginal_prob(-1e-9), Error);
}
