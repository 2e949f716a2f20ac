// SPDX-License-Identifier: MIT
#include <cmath>
#include <utility>

#include <scoresde/brownian/clock.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;

static_assert(BrownianClock<LogSnrClock<VpSde>> && !BrownianClock<VpSde>);

TEST_CASE("a time clock measures the time since the path's begin, in either direction") {
  for (const auto& [begin, end] : {std::pair{1.0, 0.2}, {-2.0, 3.0}}) {
    const TimeClock clock(begin, end);
    CHECK(clock.position(begin) == 0);
    CHECK(clock.position(end) == 1);
    for (const double fraction : {0.0, 0.1, 0.5, 0.77, 1.0}) {
      const double t = begin + fraction * (end - begin);
      CHECK(clock.position(t) == Approx(fraction).margin(1e-15));
      CHECK(clock.variance(clock.position(t)) == Approx(std::abs(t - begin)).margin(1e-15));
    }
  }
}

TEST_CASE("a log-SNR clock is a power of mean²/std², with positions linear in its logarithm") {
  const auto check = [](const auto& sde, double begin, double end, double rate) {
    const LogSnrClock clock(sde, begin, end, rate);
    CHECK(clock.position(begin) == 0);
    CHECK(clock.position(end) == 1);
    double before = -1;
    for (const double fraction : {0.0, 0.1, 0.5, 0.77, 1.0}) {
      const double t = fraction == 1 ? end : begin + fraction * (end - begin);
      const MarginalProb p = sde.marginal_prob(t);
      const double u = std::pow(p.mean * p.mean / (p.std * p.std), rate);
      CHECK(clock.variance(clock.position(t)) == Approx(u).epsilon(1e-12));
      CHECK(clock.position(t) > before);
      before = clock.position(t);
    }
    const double lambda = 0.5 * (log_snr(sde, begin) + log_snr(sde, end));
    CHECK(clock.position(time_of_log_snr(sde, lambda)) == Approx(0.5).epsilon(1e-12));
  };
  check(VpSde(), 1, 1e-3, 1);
  check(VpSde(), 0.9, 0.1, 0.25);
  check(SubVpSde(), 1, 1e-3, 1);
  check(VeSde(), 1, 0, 2);
  const LogSnrClock usual{VeSde()};
  CHECK(usual.position(1) == 0);
  CHECK(usual.position(VeSde().t_min()) == 1);
}

TEST_CASE("clocks reject degenerate paths and times outside the path") {
  CHECK_THROWS_WITH(TimeClock(0.5, 0.5), Contains("from 0.5 to 0.5"));
  CHECK_THROWS_AS(TimeClock(1, std::nan("")), Error);
  CHECK_THROWS_WITH(TimeClock(1, 0.25).position(0.125), Contains("0.125") && Contains("from 1 to"));
  CHECK_THROWS_AS(TimeClock(1, 0.25).position(std::nan("")), Error);
  CHECK(TimeClock(1, 0.3).position(std::nextafter(0.3, 0)) == 1);
  CHECK(LogSnrClock(VeSde()).position(std::nextafter(1.0, 2)) == 0);
  CHECK_THROWS_WITH((LogSnrClock(VpSde(), 0.1, 1)), Contains("must decrease"));
  CHECK_THROWS_WITH((LogSnrClock(VpSde(), 1, 0)), Contains("must be finite"));
  CHECK_THROWS_WITH((LogSnrClock(VpSde(), 1, 0.1, 0)), Contains("rate is 0"));
  CHECK_THROWS_AS((LogSnrClock(VpSde(), 2, 0.1)), Error);
  CHECK_THROWS_WITH(LogSnrClock(VpSde()).position(1e-4), Contains("outside the path"));
}
