// SPDX-License-Identifier: MIT
/// The discrete chains of score_sde: indices, levels, and their limit for many levels.
#include <cmath>

#include <scoresde/sde/score_sde_discrete.hpp>

#include "support/catch.hpp"

using namespace scoresde;

namespace {

constexpr std::size_t N = 1000;

TimeStep level_step(double t, std::size_t n = N) { return {t, t - 1 / static_cast<double>(n)}; }

}  // namespace

TEST_CASE("the index of a time is its number of whole levels") {
  const DiscreteVpSde sde(N);
  CHECK(sde.index(1) == 999);
  CHECK(sde.index(0.5) == 499);
  CHECK(sde.index(1e-3) == 0);
  CHECK(sde.training_steps() == N);
  CHECK_THROWS_AS(sde.index(1.1), Error);
}

TEST_CASE("SMLD's levels increase geometrically, with no noise below the first") {
  const DiscreteVeSde sde(N);
  CHECK(sde.discrete_sigma(0) == Approx(0.01).epsilon(1e-14));
  CHECK(sde.discrete_sigma(N - 1) == Approx(50).epsilon(1e-14));
  CHECK(sde.discrete_sigma(500) / sde.discrete_sigma(499) ==
        Approx(std::pow(5000, 1.0 / 999)).epsilon(1e-13));
  const double above = sde.discrete_sigma(499), below = sde.discrete_sigma(498);
  CHECK(sde.discretize(level_step(0.5)).variance ==
        Approx(above * above - below * below).epsilon(1e-12));
  const Transition first = sde.discretize(level_step(1e-5));
  CHECK(first.std_next == 0);
  CHECK(first.variance == Approx(1e-4).epsilon(1e-13));
}

TEST_CASE("the steps of DDPM's chain compose to its marginal") {
  const DiscreteVpSde sde(N);
  long double alpha_bar = 1;
  for (std::size_t i = 0; i < N; ++i) {
    const double t = (static_cast<double>(i) + 0.5) / (N - 1);
    if (t > 1) break;
    const Transition step = sde.discretize(level_step(t));
    CHECK(step.std_next == Approx(static_cast<double>(std::sqrt(1 - alpha_bar))).epsilon(1e-12));
    alpha_bar *= 1 - static_cast<long double>(sde.discrete_beta(i));
    CHECK(step.std == Approx(static_cast<double>(std::sqrt(1 - alpha_bar))).epsilon(1e-12));
    CHECK(step.mean * step.mean + step.variance == Approx(1).epsilon(1e-15));
  }
}

TEST_CASE("discrete chains converge to the continuous transition with first order") {
  const auto error = [](std::size_t n) {
    const TimeStep step = level_step(0.6, n);
    const Transition a = DiscreteVpSde(n).discretize(step), b = transition(VpSde(), step);
    return std::abs(a.variance - b.variance) / b.variance;
  };
  CHECK(error(1000) < 0.02);
  CHECK(error(100000) < 2e-4);
  const TimeStep step = level_step(0.6);
  const Transition a = DiscreteSubVpSde(N).discretize(step), b = transition(SubVpSde(), step);
  CHECK(a.mean == Approx(b.mean).epsilon(1e-4));
  CHECK(a.variance == Approx(b.variance).epsilon(0.05));
}

TEST_CASE("the Langevin scale is the squared decay of a step") {
  CHECK(DiscreteVeSde(N).langevin_scale(0.5) == 1);
  const DiscreteVpSde vp(N);
  CHECK(vp.langevin_scale(1) == 1 - vp.discrete_beta(N - 1));
  CHECK(DiscreteSubVpSde(N).langevin_scale(0.5) == vp.langevin_scale(0.5));
}

TEST_CASE("steps that are not one level long and invalid chains are rejected") {
  CHECK_THROWS_WITH(DiscreteVpSde(N).discretize({1, 0.99}), Catch::Matchers::Contains("levels"));
  CHECK_THROWS_AS(DiscreteVeSde(N).discretize({0.5, 0.6}), Error);
  CHECK_THROWS_AS(DiscreteSubVpSde(N).discretize({0.5, 0.4999}), Error);
  CHECK_THROWS_AS(DiscreteVeSde(1), Error);
  // In a chain with N ≤ β_max, only operations that need 1 − β_i are rejected.
  CHECK_THROWS_WITH(DiscreteVpSde(10).discretize({1, 0.9}), Catch::Matchers::Contains("beta_i"));
  CHECK_THROWS_AS(DiscreteVpSde(10).langevin_scale(1), Error);
  CHECK(DiscreteVpSde(10).diffusion(1) == VpSde().diffusion(1));
  CHECK_THROWS_AS(DiscreteSubVpSde(20).langevin_scale(1), Error);
  CHECK(DiscreteSubVpSde(20).discretize({1, 0.95}).mean == Approx(0.5));
}
