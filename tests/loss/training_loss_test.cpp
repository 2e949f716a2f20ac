// SPDX-License-Identifier: MIT
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include <scoresde/loss/training_loss.hpp>
#include <scoresde/sde/vp_sde.hpp>

#include "loss/loss_gradient.hpp"
#include "loss/tanh_model.hpp"
#include "support/catch.hpp"

using namespace scoresde;
using test::normal_state;
using test::State64;

TEST_CASE("x_t, loss and gradient of every sample follow their formulas") {
  const VpSde sde;
  const std::vector<double> w{0.7, -0.4, 1.1};
  const State64 x0 = normal_state({2, 3}, Noise{.seed = 1}.draw(0));
  const State64 z = normal_state({2, 3}, Noise{.seed = 2}.draw(0));
  LossWorkspace<State64> work(x0);
  work.times()[0] = 0.1;
  work.times()[1] = 0.7;
  test::TanhModel<double, VpSde> model(sde, w);
  // A marginal and a weight unlike those of any SDE.
  const auto marginal = [](double t) { return WeightedMarginal{{0.9 - t, 0.3 + t}, 2 + t}; };
  const double mean = detail::denoising_loss(model, x0, z, work, 0.25, marginal);
  double total = 0;
  for (std::size_t k = 0; k < 2; ++k) {
    const auto [p, weight] = marginal(work.times()[k]);
    const double q = model.score_form(work.times()[k]).output;
    double loss = 0;
    for (std::size_t e = 0; e < 3; ++e) {
      const double x = p.mean * x0(k, e) + p.std * z(k, e);
      CHECK(work.perturbed()(k, e) == Approx(x).epsilon(1e-14));
      const double f = std::tanh(w[e] * x) * (1 + 0.999 * work.times()[k]);
      const double r = p.std * q * f + z(k, e);
      loss += weight * r * r;
      CHECK(work.output_gradient()(k, e) ==
            Approx(0.25 * 2 * weight * p.std * q * r / 2).epsilon(1e-12));
    }
    CHECK(work.losses()[k] == Approx(loss).epsilon(1e-12));
    total += loss;
  }
  CHECK(mean == Approx(total / 2).epsilon(1e-13));
}

TEST_CASE("min-SNR-gamma is min(SNR, gamma)/SNR, and 1 for infinite gamma") {
  CHECK(detail::min_snr_factor({0.9, 0.1}, 5) == Approx(5.0 / 81));
  CHECK(detail::min_snr_factor({0.5, 0.5}, 5) == 1);
  CHECK(detail::min_snr_factor({0.9, 0.1}, std::numeric_limits<double>::infinity()) == 1);
  CHECK(detail::min_snr_factor({1, 0}, std::numeric_limits<double>::infinity()) == 1);
}
