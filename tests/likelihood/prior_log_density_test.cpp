// SPDX-License-Identifier: MIT
#include <vector>

#include <scoresde/likelihood/prior_log_density.hpp>
#include <scoresde/score/gaussian.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/sde/with_prior_mean.hpp>
#include <scoresde/state/host_state.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using X = HostState<double>;

namespace {

/// log N(z; mean, std² I) by the density of a Gaussian.
double expected(std::span<const double> z, std::vector<double> mean, double std) {
  // VE noise is 0.01 at t = 0.
  Gaussian data(VeSde{}, std::move(mean), std::vector<double>(z.size(), std * std - 1e-4));
  return data.log_density(z, 0);
}

}  // namespace

TEST_CASE("the prior's log-density is that of a Gaussian, with or without a mean") {
  const X z({2, 3}, {1, -2, 0.5, 30, 4, -50});
  std::vector<double> found(2);
  const auto check = [&](const auto& sde, const std::vector<double>& mean, double std) {
    prior_log_density(sde, z, found);
    for (std::size_t k = 0; k < 2; ++k)
      CHECK(found[k] == Approx(expected(z[k], mean, std)).epsilon(1e-12));
  };
  check(VpSde{}, {0, 0, 0}, 1);
  check(VeSde{}, {0, 0, 0}, 50);
  check(WithPriorMean(VeSde{}, 0.5), {0.5, 0.5, 0.5}, 50);
  check(WithPriorMean(VeSde{}, {1, 2, 3}), {1, 2, 3}, 50);
}

TEST_CASE("a prior mean of another dimension is rejected") {
  const X z({1, 3});
  std::vector<double> found(1);
  CHECK_THROWS_WITH(prior_log_density(WithPriorMean(VeSde{}, {1, 2}), z, found),
                    Catch::Contains("it has 2 elements and the state 3"));
}
