// SPDX-License-Identifier: MIT
/// DdpmSde for arbitrary betas: marginals, skipped levels, the inverse, zero terminal SNR.
#include <cmath>
#include <limits>
#include <vector>

#include <scoresde/sde/ddpm_sde.hpp>
#include <scoresde/sde/score_sde_discrete.hpp>
#include <scoresde/testing/sde_laws.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;

namespace {

/// β is discontinuous at the levels; the identities hold between them.
void keeps_laws(const DdpmSde& sde) {
  testing::SdeLawOptions options;
  for (std::size_t i = 1; i < sde.training_steps(); ++i)
    options.kinks.push_back(sde.time_of_level(i));
  for (const auto& law : testing::check_sde_laws(sde, options)) FAIL_CHECK(law);
}

const std::vector<double> any_betas{0.02, 0.3, 0.01, 0.5, 0.4, 0.9, 0.7, 0.95};

}  // namespace

TEST_CASE("a chain of any betas satisfies the identities of an SDE between its levels") {
  keeps_laws(DdpmSde(any_betas));
  keeps_laws(DdpmSde(linear_betas(1000)));
  keeps_laws(DdpmSde(cosine_betas(100)));
  keeps_laws(DdpmSde(zero_terminal_snr_betas(scaled_linear_betas(200))));
}

TEST_CASE("the marginal at a level is the product of the alphas") {
  for (const auto& betas : {any_betas, linear_betas(1000), cosine_betas(1000)}) {
    const DdpmSde sde(betas);
    CHECK(sde.training_steps() == betas.size());
    CHECK(sde.t_max() == 1);
    CHECK(sde.t_min() == sde.time_of_level(1));
    long double alpha_bar = 1;
    for (std::size_t i = 1; i <= betas.size(); ++i) {
      alpha_bar *= 1 - static_cast<long double>(betas[i - 1]);
      const double t = sde.time_of_level(i);
      CHECK(sde.level(t) == i);
      const MarginalProb p = sde.marginal_prob(t);
      CHECK(p.mean == Approx(double(std::sqrt(alpha_bar))).epsilon(1e-12).margin(0));
      CHECK(p.std == Approx(double(std::sqrt(1 - alpha_bar))).epsilon(1e-12).margin(0));
    }
  }
}

TEST_CASE("the times of a grid map to their levels despite rounding") {
  for (const std::size_t n : {3, 49, 60, 777, 1000}) {
    const DdpmSde sde(linear_betas(n, 1e-3, 0.02));
    const TimeGrid grid = uniform_grid(sde.t_max(), 0, n);
    for (std::size_t k = 0; k < n; ++k) CHECK(sde.level(grid[k].t) == n - k);
  }
}

TEST_CASE("log alpha bar is linear between levels") {
  const DdpmSde sde(any_betas);
  CHECK(sde.log_alpha_bar(0.5 / 8) == Approx(0.5 * std::log1p(-0.02)).epsilon(1e-14));
  CHECK(sde.log_alpha_bar(1.25 / 8) ==
        Approx(std::log1p(-0.02) + 0.25 * std::log1p(-0.3)).epsilon(1e-14));
  CHECK(sde.marginal_prob(0).std == 0);
  CHECK(sde.level(0) == 1);
  CHECK(sde.level(1.25 / 8) == 2);
  // A level belongs to the interval below it, which a generating step enters.
  CHECK(sde.beta(2.0 / 8) == Approx(-8 * std::log1p(-0.3)).epsilon(1e-12));
}

TEST_CASE("a step over several levels is the product of single steps") {
  const DdpmSde sde(any_betas);
  for (std::size_t to = 0; to < 8; ++to)
    for (std::size_t from = to + 1; from <= 8; ++from) {
      double alpha = 1;
      for (std::size_t i = to; i < from; ++i) alpha *= 1 - any_betas[i];
      const Transition step = transition(sde, {sde.time_of_level(from), sde.time_of_level(to)});
      CHECK(step.mean == Approx(std::sqrt(alpha)).epsilon(1e-13));
      CHECK(step.variance == Approx(1 - alpha).epsilon(1e-12).margin(0));
      CHECK(step.std == sde.marginal_prob(sde.time_of_level(from)).std);
      CHECK(step.std_next == sde.marginal_prob(sde.time_of_level(to)).std);
    }
}

TEST_CASE("the chain of the linear list equals that of DiscreteVpSde at every level") {
  constexpr std::size_t n = 1000;
  const DdpmSde sde(linear_betas(n, 0.1 / n, 20.0 / n));
  const DiscreteVpSde song(n);
  for (std::size_t i = 1; i < n; i += 37) {
    const double t = (double(i) - 0.5) / (n - 1);
    const Transition a = sde.discretize({sde.time_of_level(i), sde.time_of_level(i - 1)});
    const Transition b = song.discretize({t, t - 1.0 / n});
    CHECK(a.mean == Approx(b.mean).epsilon(1e-13));
    CHECK(a.variance == Approx(b.variance).epsilon(1e-11).margin(0));
    CHECK(a.std == Approx(b.std).epsilon(1e-12).margin(0));
    CHECK(a.std_next == Approx(b.std_next).epsilon(1e-12).margin(0));
    CHECK(sde.langevin_scale(sde.time_of_level(i)) ==
          Approx(song.langevin_scale(t)).epsilon(1e-13));
  }
}

TEST_CASE("the log-SNR of a chain is inverted over its whole range") {
  for (const auto& betas : {any_betas, linear_betas(1000), cosine_betas(1000),
                            zero_terminal_snr_betas(scaled_linear_betas(100))}) {
    const DdpmSde sde(betas);
    for (double t = 1e-5; t < sde.t_max(); t *= 1.1)
      CHECK(time_of_log_snr(sde, log_snr(sde, t)) == Approx(t).epsilon(1e-12).margin(0));
    for (std::size_t i = 1; i <= sde.training_steps(); ++i) {
      const double t = sde.time_of_level(i);
      CHECK(time_of_log_snr(sde, log_snr(sde, t)) == Approx(t).epsilon(1e-12).margin(0));
    }
    CHECK_THROWS_WITH(time_of_log_snr(sde, log_snr(sde, sde.t_max()) - 1), Contains("outside"));
  }
}

TEST_CASE("with zero terminal SNR sampling starts at the last level with a signal") {
  const DdpmSde sde(zero_terminal_snr_betas(scaled_linear_betas(1000)));
  CHECK(sde.training_steps() == 999);
  CHECK(sde.t_max() == 0.999);
  CHECK(sde.t_min() == 0.001);
  CHECK(std::isfinite(log_snr(sde, sde.t_max())));
  CHECK(sde.marginal_prob(sde.t_max()).mean < 1e-3);
  CHECK_THROWS_WITH(sde.marginal_prob(1), Contains("time 1 "));
  CHECK_THROWS_AS(log_snr(sde, 1), Error);
  CHECK_THROWS_WITH(time_of_log_snr(sde, -std::numeric_limits<double>::infinity()),
                    Contains("-inf"));
  const TimeGrid grid = level_grid(sde, 999);
  CHECK(grid.front().t == sde.t_max());
  CHECK(grid.back().t == sde.t_min());
}

TEST_CASE("a level grid steps over evenly spaced levels down to the data") {
  const DdpmSde sde(linear_betas(1000));
  const TimeGrid all = level_grid(sde, 1000);
  REQUIRE(all.size() == 1000);
  for (std::size_t k = 0; k < 1000; ++k) CHECK(sde.level(all[k].t) == 1000 - k);
  CHECK(all.back().t_next == 0);
  const TimeGrid four = level_grid(sde, 4);
  for (std::size_t k = 0; k < 4; ++k) CHECK(sde.level(four[k].t) == 1000 - 250 * k);
  for (const std::size_t steps : {3, 7, 333, 999}) {
    const TimeGrid grid = level_grid(sde, steps);
    CHECK(grid.size() == steps);
    for (std::size_t k = 0; k < steps; ++k)
      CHECK(std::abs(1000 * grid[k].t - 1000 * double(steps - k) / double(steps)) <= 0.5 + 1e-9);
  }
  CHECK_THROWS_WITH(level_grid(sde, 0), Contains("steps is 0"));
  CHECK_THROWS_WITH(level_grid(sde, 1001), Contains("1000"));
}

TEST_CASE("chains reject invalid lists, times and steps") {
  CHECK_THROWS_WITH(DdpmSde({}), Contains("0 betas"));
  CHECK_THROWS_WITH(DdpmSde({0.1, 1}), Contains("1 of them below 1"));
  CHECK_THROWS_WITH(DdpmSde({0.1, 0, 0.2}), Contains("beta 2 of 3 is 0"));
  CHECK_THROWS_AS(DdpmSde({0.1, std::nan(""), 0.2}), Error);
  CHECK_THROWS_AS(DdpmSde({0.1, 0.2, 1.5}), Error);
  const DdpmSde sde(any_betas);
  CHECK_THROWS_WITH(sde.marginal_prob(1.01), Contains("time 1.01"));
  CHECK_THROWS_AS(sde.marginal_prob(-1e-9), Error);
  CHECK_THROWS_AS(sde.level(std::nan("")), Error);
  CHECK_THROWS_WITH(sde.time_of_level(9), Contains("level 9"));
  CHECK_THROWS_WITH(sde.discretize({0.5, 0.5}), Contains("must decrease"));
  CHECK_THROWS_AS(sde.discretize({1.5, 0.5}), Error);
  CHECK(sde.discretize({0.125, -0.01}).variance == Approx(0.02).epsilon(1e-13));
}
