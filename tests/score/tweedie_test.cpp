// SPDX-License-Identifier: MIT
#include <vector>

#include <scoresde/score/gaussian.hpp>
#include <scoresde/score/parameterization.hpp>
#include <scoresde/score/tweedie.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/state/host_state.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using X = HostState<double>;

TEST_CASE("the exact score of Gaussian data predicts the posterior mean") {
  const auto check = [](const auto& sde) {
    Gaussian data(sde, {0.5, -1}, {0.3, 0.04});
    const X x({1, 2}, {0.9, -2.1});
    X score({1, 2});
    for (const double t : {0.01, 0.3, 1.0}) {
      data.evaluate(x, t, score);
      const MarginalProb p = sde.marginal_prob(t);
      const ScoreForm form = tweedie_form(p, data.score_form(t));
      const double mean[] = {0.5, -1}, variance[] = {0.3, 0.04};
      for (std::size_t e = 0; e < 2; ++e) {
        const double gain = p.mean * variance[e] / (p.mean * p.mean * variance[e] + p.std * p.std);
        CHECK(form.state * x(0, e) + form.output * score(0, e) ==
              Approx(mean[e] + gain * (x(0, e) - p.mean * mean[e])).epsilon(1e-11));
      }
    }
  };
  check(VeSde());
  check(SubVpSde());
}

TEST_CASE("a denoiser predicts its own output, with a coefficient of x that is exactly 0") {
  const VpSde sde;
  for (int i = 1; i <= 1000; ++i) {
    const double t = i / 1000.0;
    const ScoreForm form = tweedie_form(sde.marginal_prob(t), DenoiserOutput<VpSde>{sde}(t));
    CHECK(form.state == 0);
    CHECK(form.output == Approx(1).epsilon(1e-14));
  }
}
