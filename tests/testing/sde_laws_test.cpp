// SPDX-License-Identifier: MIT
/// check_sde_laws reports every wrong SDE.
#include <cmath>
#include <string>

#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/testing/sde_laws.hpp>

#include "support/catch.hpp"

using namespace scoresde;

namespace {

/// VP whose diffusion is slightly too large.
struct WrongDiffusion : VpSde {
  double diffusion(double t) const { return VpSde::diffusion(t) * (1 + 1e-7); }
};
/// VP whose std loses digits at small t.
struct LostDigits : VpSde {
  MarginalProb marginal_prob(double t) const {
    const double mean = VpSde::marginal_prob(t).mean;
    return {mean, std::sqrt(1 - mean * mean)};
  }
};
/// Sub-VP with the standard deviation of VP.
struct WrongStd : SubVpSde {
  MarginalProb marginal_prob(double t) const { return VpSde().marginal_prob(t); }
};
struct WrongPrior : VeSde {
  double prior_std() const { return 1; }
};

}  // namespace

TEST_CASE("an SDE with a discontinuous drift satisfies the identities on either side of it") {
  struct Jump : VpSde {
    static double integral(double t) { return t < 0.4 ? 2 * t : 0.8 + 9 * (t - 0.4); }
    double drift(double t) const { return t < 0.4 ? -1 : -4.5; }
    double diffusion(double t) const { return std::sqrt(-2 * drift(t)); }
    MarginalProb marginal_prob(double t) const {
      return {std::exp(-0.5 * integral(t)), std::sqrt(-std::expm1(-integral(t)))};
    }
  };
  CHECK(testing::check_sde_laws(Jump()).empty());  // shortened differences stay on one side
  CHECK(testing::check_sde_laws(Jump(), {.kinks = {0.4}}).empty());
}

TEST_CASE("an SDE whose mean has a singularity just beyond T satisfies the identities") {
  // Sigmoid schedule, Jabri et al. 2022 (arXiv:2212.11972), appendix B: the mean is √γ, γ(1) = 0.
  struct Sigmoid {
    static double sigmoid(double z) { return 1 / (1 + std::exp(-z)); }
    static double gamma(double t) {
      return (sigmoid(3) - sigmoid(6 * t - 3)) / (sigmoid(3) - sigmoid(-3));
    }
    double drift(double t) const {
      const double value = sigmoid(6 * t - 3);
      return -3 * value * (1 - value) / (sigmoid(3) - value);
    }
    double diffusion(double t) const { return std::sqrt(-2 * drift(t)); }
    MarginalProb marginal_prob(double t) const {
      const double lost = (sigmoid(6 * t - 3) - sigmoid(-3)) / (sigmoid(3) - sigmoid(-3));
      return {std::sqrt(gamma(t)), std::sqrt(lost)};
    }
    double prior_std() const { return 1; }
    double t_min() const { return 1e-3; }
    double t_max() const { return 0.999; }
  };
  const auto violated = testing::check_sde_laws(Sigmoid(), {.t_lowest = 1e-3});
  for (const std::string& law : violated) FAIL_CHECK(law);
  struct Wrong : Sigmoid {
    double drift(double t) const { return Sigmoid::drift(t) * (t > 0.97 ? 1 + 1e-6 : 1); }
  };
  CHECK_FALSE(testing::check_sde_laws(Wrong(), {.t_lowest = 1e-3}).empty());
}

TEST_CASE("check_sde_laws detects a wrong diffusion, a wrong std, lost digits and a wrong prior") {
  CHECK_FALSE(testing::check_sde_laws(WrongDiffusion()).empty());
  CHECK_FALSE(testing::check_sde_laws(LostDigits()).empty());
  CHECK_FALSE(testing::check_sde_laws(WrongStd()).empty());
  CHECK(testing::check_sde_laws(WrongPrior()).size() == 1);
}
