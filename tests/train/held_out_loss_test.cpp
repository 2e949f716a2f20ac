// SPDX-License-Identifier: MIT
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include <scoresde/loss/edm_loss.hpp>
#include <scoresde/nn/networks/mlp.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/train/held_out_loss.hpp>

#include "support/catch.hpp"
#include "support/tiny_run.hpp"

using namespace scoresde;

namespace {

using HeldOut = HeldOutLoss<eigen::Ops<double>, EdmSde, EdmLoss>;

constexpr std::size_t samples = 6, dim = 64;
const nn::Graph graph = nn::mlp({.dim = dim, .width = 16, .depth = 1});

std::vector<double> parameters() { return initial_parameters<double>(graph.parameters(), 3); }

}  // namespace

TEST_CASE("the held-out loss of a zero network is that of its preconditioning") {
  const EdmLoss loss{.reduce_mean = true};
  const std::vector<double> zero(graph.parameters().size());
  const auto images = test::tiny_images<double>(samples);
  for (const double sigma : {0.05, 0.5, 4.0}) {
    HeldOut held_out(graph, EdmSde{}, loss, {.sigma_data = loss.sigma_data}, 4);
    // D = c_skip·x, so the error is (c_skip − 1)·x0 + c_skip·sigma·z, weighted by 1/c_out².
    const double s = sigma * sigma, d = loss.sigma_data * loss.sigma_data, skip = d / (s + d);
    double sum = 0;
    for (std::size_t k = 0; k < samples; ++k) {
      std::vector<float> z(dim);
      fill_normal(z, Noise{.purpose = Purpose::held_out}.draw(0), k, 0);
      for (std::size_t e = 0; e < dim; ++e) {
        const double error = (skip - 1) * images[k * dim + e] + skip * sigma * double(z[e]);
        sum += error * error * (s + d) / (s * d);
      }
    }
    CHECK(held_out(zero, images, {}, sigma) == Approx(sum / (samples * dim)).epsilon(1e-10));
  }
}

TEST_CASE("the held-out loss is reproducible and independent of the batch size") {
  const auto images = test::tiny_images<double>(samples);
  const auto weights = parameters();
  HeldOut whole(graph, EdmSde{}, {}, {}, 6), parts(graph, EdmSde{}, {}, {}, 4);
  const double value = whole(weights, images, {}, 0.7);
  CHECK(whole(weights, images, {}, 0.7) == value);
  CHECK(parts(weights, images, {}, 0.7) == Approx(value).epsilon(1e-12));
  CHECK(whole(weights, images, {}, 0.8) != value);
}

TEST_CASE(
    "the losses of single images have the held-out loss as their mean, in the images' order") {
  const auto images = test::tiny_images<double>(samples);
  const auto weights = parameters();
  HeldOut held_out(graph, EdmSde{}, {}, {}, 4);
  const auto losses = held_out.losses(weights, images, {}, 0.7);
  REQUIRE(losses.size() == samples);
  double sum = 0;
  for (std::size_t n = 1; n <= samples; ++n) {
    sum += losses[n - 1];
    CHECK(held_out(weights, std::span(images).first(n * dim), {}, 0.7) ==
          Approx(sum / double(n)).epsilon(1e-12));
  }
  CHECK(losses[0] != losses[1]);
}

TEST_CASE("held-out times are quantiles of the training distribution") {
  const std::vector<double> quantiles{0.1587, 0.5, 0.8413};
  const auto times = held_out_times(EdmLoss{}, EdmSde{}, quantiles);
  // ln sigma ~ N(-1.2, 1.2²); the quantiles are one standard deviation apart.
  for (std::size_t i = 0; i < 3; ++i)
    CHECK(std::log(times[i]) == Approx(-1.2 + 1.2 * (double(i) - 1)).margin(0.05));
  CHECK(held_out_times(EdmLoss{}, EdmSde{}, quantiles) == times);
  const auto uniform = held_out_times(DenoisingScoreMatching{}, VpSde{}, quantiles);
  for (std::size_t i = 0; i < 3; ++i) CHECK(uniform[i] == Approx(quantiles[i]).margin(0.02));
  const std::vector<double> outside{1.5};
  CHECK_THROWS_WITH(held_out_times(EdmLoss{}, EdmSde{}, outside),
                    Catch::Contains("quantile is 1.5"));
}

TEST_CASE("partial images and a wrong number of classes are rejected") {
  HeldOut held_out(graph, EdmSde{}, {}, {}, 4);
  const auto weights = parameters();
  const std::vector<double> images(2 * dim);
  const std::vector<std::uint32_t> one{0};
  CHECK_THROWS_WITH(held_out(weights, std::span(images).first(dim + 1), {}, 1.0),
                    Catch::Contains("images has 65 elements"));
  CHECK_THROWS_WITH(held_out(weights, images, one, 1.0),
                    Catch::Contains("classes has 1 entries; it must have 2"));
}
