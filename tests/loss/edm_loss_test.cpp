// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include <scoresde/loss/edm_loss.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>

#include "loss/loss_gradient.hpp"
#include "loss/tanh_model.hpp"
#include "support/catch.hpp"

using namespace scoresde;
using test::normal_state;
using test::State64;

namespace {

const std::vector<double> weights{0.7, -0.4, 1.1, 0.2, -0.9};

/// F = tanh(w·x)(1 + 0.001·c_noise) with EDM preconditioning, without c_in.
template <Sde S>
using Model = test::TanhModel<double, S, nn::EdmPreconditioning>;

}  // namespace

TEST_CASE("the gradient of the EDM loss equals finite differences for every SDE") {
  const auto check = [](const auto& sde) {
    for (const bool mean : {false, true}) {
      const EdmLoss loss{.p_mean = -0.5, .p_std = 0.8, .sigma_data = 0.7, .reduce_mean = mean};
      test::check_loss_gradient(sde, loss, nn::EdmPreconditioning{.sigma_data = 0.7});
      test::check_loss_gradient(sde, loss, nn::NoisePredictionAtTime{});
    }
  };
  check(EdmSde{});
  check(VpSde{});
  check(SubVpSde{});
  check(VeSde{});
}

TEST_CASE(
    "the EDM loss is lambda times the denoiser's error, and the error of F on its own target") {
  const EdmSde sde;
  const EdmLoss loss;
  const Noise noise{.seed = 3};
  const State64 x0 = normal_state({4, 5}, noise.draw(0), 0.5),
                z = normal_state({4, 5}, noise.draw(1));
  LossWorkspace<State64> work(x0);
  const std::vector<double> sigmas{0.003, 0.2, 1.7, 60};
  std::copy(sigmas.begin(), sigmas.end(), work.times().begin());
  Model<EdmSde> model(sde, weights);
  loss(sde, model, x0, z, work);
  for (std::size_t k = 0; k < 4; ++k) {
    const double s = sigmas[k], d = 0.5;
    const double skip = d * d / (s * s + d * d), out = s * d / std::sqrt(s * s + d * d);
    double denoised = 0, own = 0;
    for (std::size_t e = 0; e < 5; ++e) {
      const double x = x0(k, e) + s * z(k, e);
      const double f = std::tanh(weights[e] * x) * (1 + 0.001 * std::log(s) / 4);
      denoised += std::pow(skip * x + out * f - x0(k, e), 2);
      own += std::pow(f - (x0(k, e) - skip * x) / out, 2);
    }
    CAPTURE(s);
    CHECK(work.losses()[k] == Approx((s * s + d * d) / (s * d * s * d) * denoised).epsilon(1e-9));
    CHECK(work.losses()[k] == Approx(own).epsilon(1e-9));
  }
}

TEST_CASE("under another SDE the EDM loss is that of x/mean at sigma = std/mean") {
  const VpSde vp;
  const EdmSde karras;
  const EdmLoss loss{.sigma_data = 0.4};
  const Noise noise{.seed = 3};
  const State64 x0 = normal_state({1, 5}, noise.draw(0), 0.5);
  LossWorkspace<State64> a(x0), b(x0);
  a.times()[0] = 0.4;
  const auto [mean, std] = vp.marginal_prob(0.4);
  b.times()[0] = std / mean;
  // The same function of x/mean and c_noise.
  std::vector<double> scaled = weights;
  for (double& w : scaled) w /= mean;
  Model<VpSde> under_vp(vp, scaled, {.sigma_data = 0.4});
  Model<EdmSde> under_edm(karras, weights, {.sigma_data = 0.4});
  const double value = loss(vp, under_vp, x0, noise.draw(1), a);
  CHECK(value == Approx(loss(karras, under_edm, x0, noise.draw(1), b)).epsilon(1e-11));
}

TEST_CASE("ln sigma is normal with the given mean and standard deviation for every SDE") {
  const auto check = [](const auto& sde) {
    const EdmLoss loss{.p_mean = -1.2, .p_std = 0.7};
    std::vector<double> times(20000), tail(100);
    loss.draw_times(sde, TrainingDraws{.seed = 1, .step = 5}.time(), times);
    double sum = 0, squares = 0;
    for (const double t : times) {
      const double log_sigma = -0.5 * log_snr(sde, t);
      sum += log_sigma;
      squares += log_sigma * log_sigma;
    }
    const double mean = sum / 20000, deviation = std::sqrt(squares / 20000 - mean * mean);
    CHECK(std::abs(mean + 1.2) < 5 * 0.7 / std::sqrt(20000.0));
    CHECK(std::abs(deviation - 0.7) < 5 * 0.7 / std::sqrt(40000.0));
    loss.draw_times(sde, TrainingDraws{.seed = 1, .step = 5, .first_sample = 19900}.time(), tail);
    CHECK(std::equal(tail.begin(), tail.end(), times.begin() + 19900));
  };
  check(EdmSde{});
  check(VpSde{});
  check(VeSde{});
}

TEST_CASE("sigma is clamped to the range of the SDE, and options out of range are rejected") {
  const EdmSde sde;
  CHECK(EdmLoss{}.time(sde, 10) == 80);
  CHECK(EdmLoss{}.time(sde, -10) == 0.002);
  CHECK(EdmLoss{}.time(sde, 0) == Approx(std::exp(-1.2)).epsilon(1e-12));
  CHECK_THROWS_WITH((EdmLoss{.p_std = -1}.check(sde)), Catch::Contains("p_std -1"));
  CHECK_THROWS_WITH((EdmLoss{.sigma_data = 0}.check(sde)), Catch::Contains("sigma_data is 0"));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_AS((EdmLoss{.p_mean = nan}.check(sde)), Error);
}
