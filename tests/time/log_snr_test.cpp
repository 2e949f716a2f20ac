// SPDX-License-Identifier: MIT
/// The inverse of the log-SNR: round trips in closed form and by iteration, and errors.
#include <cmath>
#include <limits>

#include <scoresde/sde/cosine_vp_sde.hpp>
#include <scoresde/sde/ddpm_sde.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/rectified_flow_sde.hpp>
#include <scoresde/sde/score_sde_discrete.hpp>
#include <scoresde/time/log_snr.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;

namespace {

/// An SDE with the same marginals but only the required members, without a closed-form inverse.
template <class S>
struct Plain {
  S sde;
  double drift(double t) const { return sde.drift(t); }
  double diffusion(double t) const { return sde.diffusion(t); }
  MarginalProb marginal_prob(double t) const { return sde.marginal_prob(t); }
  double prior_std() const { return sde.prior_std(); }
  double t_min() const { return sde.t_min(); }
  double t_max() const { return sde.t_max(); }
};

template <class S>
void returns_the_time(const S& sde) {
  for (const double u : {1e-5, 1e-4, 1e-3, 0.02, 0.1, 0.37, 0.5, 0.8, 0.999, 1.0}) {
    const double t = u * sde.t_max();
    const double back = time_of_log_snr(sde, log_snr(sde, t));
    INFO("t = " << t);
    CHECK(std::abs(back - t) <= 1e-10 * t);
    CHECK(back <= sde.t_max());
  }
}

template <class S>
void rejects_what_is_not_reached(const S& sde) {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double lambda : {infinity, -infinity, std::nan("")})
    CHECK_THROWS_WITH(time_of_log_snr(sde, lambda), Contains("must be finite"));
  CHECK_THROWS_WITH(time_of_log_snr(sde, log_snr(sde, sde.t_max()) - 0.1), Contains("outside"));
}

template <class S>
void behaves(const S& sde) {
  static_assert(Sde<Plain<S>>);
  returns_the_time(sde);
  returns_the_time(Plain<S>{sde});
  rejects_what_is_not_reached(sde);
  rejects_what_is_not_reached(Plain<S>{sde});
}

}  // namespace

TEST_CASE("the log-SNR of every SDE is inverted exactly, in closed form and by iteration") {
  behaves(VpSde());
  behaves(VpSde(BetaSchedule{.beta_min = 3, .beta_max = 3}));
  behaves(SubVpSde());
  behaves(VeSde());
  behaves(DiscreteVpSde(1000));
  behaves(EdmSde());
  behaves(CosineVpSde());
  behaves(DdpmSde(linear_betas(1000)));
  behaves(RectifiedFlowSde());
}

TEST_CASE("a log-SNR above that of VE's smallest noise is rejected") {
  const VeSde sde;
  CHECK_THROWS_WITH(time_of_log_snr(sde, log_snr(sde, 0) + 0.1), Contains("outside"));
  CHECK_THROWS_WITH(time_of_log_snr(Plain<VeSde>{sde}, log_snr(sde, 0) + 0.1), Contains("outside"));
}

TEST_CASE("nearest_time_of_log_snr clamps to the ends of the range") {
  const VeSde sde;
  CHECK(nearest_time_of_log_snr(sde, log_snr(sde, 0.3), 0) == Approx(0.3).epsilon(1e-13));
  CHECK(nearest_time_of_log_snr(sde, log_snr(sde, 0.3), 0.4) == 0.4);
  CHECK(nearest_time_of_log_snr(sde, 100, 0) == 0);
  CHECK(nearest_time_of_log_snr(sde, -100, 0) == 1);
  CHECK(nearest_time_of_log_snr(VpSde(), std::numeric_limits<double>::infinity(), 0) == 0);
}

TEST_CASE("the log-SNR decreases at the rate of the squared diffusion over the variance") {
  const auto falls = [](const auto& sde) {
    for (const double t : {0.1, 0.5, 0.9}) {
      const double h = 1e-5;
      const double slope = (log_snr(sde, t + h) - log_snr(sde, t - h)) / (2 * h);
      const double g = sde.diffusion(t), std = sde.marginal_prob(t).std;
      CHECK(slope == Approx(-g * g / (std * std)).epsilon(1e-7));  // h² truncation
    }
  };
  falls(VpSde());
  falls(SubVpSde());
  falls(VeSde());
}
