// SPDX-License-Identifier: MIT
/// Grids uniform in log-SNR, in a power of the noise level (Karras et al.) and in √t.
#include <cmath>
#include <limits>

#include <scoresde/sde/cosine_vp_sde.hpp>
#include <scoresde/sde/ddpm_sde.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/rectified_flow_sde.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/time/log_snr_grid.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;

namespace {

/// `clock` changes by equal amounts over the steps of the grid, whose ends are exact.
template <class S, class F>
void is_even_in(const S& sde, const TimeGrid& grid, const F& clock) {
  CHECK(grid.generates());
  CHECK(grid.front().t == sde.t_max());
  CHECK(grid.back().t_next == sde.t_min());
  const double first = clock(sde.t_max()), last = clock(sde.t_min());
  const auto steps = static_cast<double>(grid.size());
  for (std::size_t i = 0; i < grid.size(); ++i) {
    const double wanted = first + static_cast<double>(i) / steps * (last - first);
    CHECK(std::abs(clock(grid[i].t) - wanted) <= 1e-10 * std::abs(last - first));
    if (i > 0) CHECK(grid[i].t == grid[i - 1].t_next);
  }
}

template <class S>
void grids_are_even(const S& sde) {
  for (const std::size_t steps : {1, 2, 17}) {
    is_even_in(sde, log_snr_grid(sde, steps), [&](double t) { return log_snr(sde, t); });
    is_even_in(sde, quadratic_grid(sde, steps), [](double t) { return std::sqrt(t); });
    for (const double rho : {1.0, 7.0})
      is_even_in(sde, karras_grid(sde, steps, rho), [&](double t) {
        const MarginalProb p = sde.marginal_prob(t);
        return std::pow(p.std / p.mean, 1 / rho);
      });
  }
}

}  // namespace

TEST_CASE("log-SNR, Karras and quadratic grids are uniform in their variable under every SDE") {
  grids_are_even(VpSde());
  grids_are_even(SubVpSde());
  grids_are_even(VeSde());
  grids_are_even(EdmSde());
  grids_are_even(CosineVpSde());
  grids_are_even(DdpmSde(linear_betas(100, 1e-3, 0.2)));
  grids_are_even(RectifiedFlowSde());
}

TEST_CASE("the Karras grid under VE is the published formula in sigma") {
  const VeSde sde({.sigma_min = 0.002, .sigma_max = 80, .t_min = 0});
  const TimeGrid grid = karras_grid(sde, 17);
  for (std::size_t i = 0; i < grid.size(); ++i) {
    const double from = std::pow(80, 1 / 7.0), to = std::pow(0.002, 1 / 7.0);
    const double sigma = std::pow(from + double(i) / 17 * (to - from), 7);
    CHECK(sde.sigma(grid[i].t) == Approx(sigma).epsilon(1e-12));
  }
}

TEST_CASE("a grid between given ends has exactly these ends") {
  const VpSde sde;
  for (const TimeGrid& grid : {log_snr_grid(sde, 0.9, 0.01, 5), karras_grid(sde, 0.9, 0.01, 5),
                               quadratic_grid(0.9, 0.01, 5)}) {
    CHECK(grid.size() == 5);
    CHECK(grid.front().t == 0.9);
    CHECK(grid.back().t_next == 0.01);
  }
  CHECK(quadratic_grid(1, 0, 4)[2].t == Approx(0.25));
}

TEST_CASE("grids without steps, with infinite log-SNR or an invalid rho are rejected") {
  const VpSde sde;
  CHECK_THROWS_WITH(log_snr_grid(sde, 0), Contains("steps is 0"));
  CHECK_THROWS_WITH(quadratic_grid(1, 1, 4), Contains("eps is 1"));
  CHECK_THROWS_WITH(log_snr_grid(sde, 0.5, 0.75, 4), Contains("eps is 0.75"));
  CHECK_THROWS_WITH(log_snr_grid(sde, 1, 0, 4), Contains("inf"));
  CHECK_THROWS_WITH(karras_grid(sde, 1, 0, 4), Contains("inf"));
  CHECK_THROWS_WITH(karras_grid(sde, 4, 0), Contains("rho is 0"));
  CHECK_THROWS_WITH(karras_grid(sde, 4, -1), Contains("rho is -1"));
  CHECK_THROWS_WITH(karras_grid(sde, 4, 1e-7), Contains("rho is 1e-07; the powers 1/rho"));
  CHECK_THROWS_WITH(karras_grid(sde, 4, 1e20), Contains("rho is 1e+20; the powers 1/rho"));
  CHECK_THROWS_AS(karras_grid(sde, 4, std::numeric_limits<double>::infinity()), Error);
  CHECK_THROWS_AS(log_snr_grid(sde, 2, 0.1, 4), Error);
}

TEST_CASE(
    "a polyexponential grid is a power of uniform steps in log-SNR, and equals log_snr_grid for "
    "rho = 1") {
  const EdmSde sde({.sigma_min = 0.01, .sigma_max = 40});
  const TimeGrid grid = polyexponential_grid(sde, 8, 1.7), plain = polyexponential_grid(sde, 8);
  const TimeGrid even = log_snr_grid(sde, 8);
  for (std::size_t i = 0; i < 8; ++i) {
    const double ramp = std::pow(1 - double(i) / 8, 1.7);
    CHECK(grid[i].t == Approx(std::exp(std::log(0.01) + ramp * std::log(4000.0))).epsilon(1e-12));
    CHECK(plain[i].t == Approx(even[i].t).epsilon(1e-12));
  }
  CHECK_THROWS_WITH(polyexponential_grid(sde, 8, -1), Contains("rho is -1"));
}

TEST_CASE("a VP grid has the noise levels of VP at uniform times") {
  const VpSde vp;
  const TimeGrid same = vp_grid(vp, 6), even = uniform_grid(vp, 6);
  const EdmSde sde({.sigma_min = 0.002, .sigma_max = 160});
  const TimeGrid grid = vp_grid(sde, 6);
  for (std::size_t i = 0; i < 6; ++i) {
    CHECK(same[i].t_next == Approx(even[i].t_next).epsilon(1e-10));
    const MarginalProb p = vp.marginal_prob(even[i].t);
    CHECK(grid[i].t == Approx(p.std / p.mean).epsilon(1e-10));
  }
  CHECK_THROWS_WITH(vp_grid(EdmSde(), 6), Contains("outside"));
  CHECK_THROWS_WITH(vp_grid(sde, 6, {.eps_s = 0}), Contains("eps_s is 0"));
}

TEST_CASE("a beta grid has its noise levels at the quantiles of the distribution") {
  const EdmSde sde({.sigma_min = 1, .sigma_max = 9});
  // beta(1, 1) gives equal steps in σ; beta(½, ½) is the arcsine distribution.
  const TimeGrid even = beta_grid(sde, 4, {1, 1}), arcsine = beta_grid(sde, 4, {0.5, 0.5});
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(even[i].t == Approx(9 - 2 * double(i)).epsilon(1e-12));
    const double quantile = std::pow(std::sin(0.5 * std::acos(-1.0) * (1 - double(i) / 4)), 2);
    CHECK(arcsine[i].t == Approx(1 + 8 * quantile).epsilon(1e-12));
  }
  CHECK_THROWS_WITH(beta_grid(sde, 4, {0, 1}), Contains("a is 0"));
}
