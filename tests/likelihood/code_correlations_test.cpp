// SPDX-License-Identifier: MIT
/// Correlations of codes, and those of two networks trained from different weights and noise.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <scoresde/eigen/ops.hpp>
#include <scoresde/likelihood/latent_codes.hpp>
#include <scoresde/model/score_network.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/ode/tableaux.hpp>
#include <scoresde/sampler/probability_flow.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/time/log_snr_grid.hpp>
#include <scoresde/train/score_matching.hpp>
#include <scoresde/train/trainer.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;

namespace {

/// Ramps of random directions with noise, 8×8.
std::vector<float> ramps(std::size_t count, std::uint64_t seed) {
  std::vector<float> images(64 * count), z(67);
  for (std::size_t k = 0; k < count; ++k) {
    fill_normal(z, Noise{.seed = seed}.draw(k), 0, 0);
    for (std::size_t h = 0; h < 8; ++h)
      for (std::size_t w = 0; w < 8; ++w)
        images[64 * k + 8 * h + w] = 0.3F * z[64] + 0.1F * z[65] * (float(h) - 3.5F) +
                                     0.1F * z[66] * (float(w) - 3.5F) + 0.2F * z[8 * h + w];
  }
  return images;
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

}  // namespace

TEST_CASE("correlations of codes are cosines, of the same sample and of the next one") {
  const HostState<double> a({3, 2}, {1, 0, 0, 2, 3, 3}), b({3, 2}, {2, 0, 1, 0, -1, -1});
  const CodeCorrelations found = code_correlations(a, b);
  CHECK(found.same[0] == Approx(1));
  CHECK(found.same[1] == 0);
  CHECK(found.same[2] == Approx(-1));
  CHECK(found.unrelated[0] == Approx(1));
  CHECK(found.unrelated[1] == Approx(-std::sqrt(0.5)));
  CHECK(found.unrelated[2] == Approx(std::sqrt(0.5)));
  CHECK_THROWS_WITH(code_correlations(a, HostState<double>({3, 3})), Contains("of dimension 3"));
  CHECK_THROWS_WITH(code_correlations(HostState<double>({1, 2}), HostState<double>({1, 2})),
                    Contains("at least 2"));
  CHECK_THROWS_WITH(code_correlations(a, HostState<double>({3, 2})), Contains("sample 0 is 0"));
}

TEST_CASE("two trainings give the same images nearly the same codes", "[slow]") {
  using Ops = eigen::Ops<float>;
  const nn::Graph graph = nn::unet({.image_size = 8,
                                    .num_channels = 1,
                                    .nf = 8,
                                    .ch_mult = {1},
                                    .num_res_blocks = 1,
                                    .attn_resolutions = {},
                                    .dropout = 0});
  const std::size_t images = 16;
  const auto codes = [&](std::uint64_t seed) {
    TrainingConfiguration configuration{.seed = seed};
    configuration.optimizer = {.learning_rate = 3e-3, .warm_up = 10};
    configuration.ema = {.decay = 0.95};
    Trainer<Ops, ScoreMatching<VpSde>> trainer(graph, VpSde{}, configuration, 32, Ops(1));
    for (std::uint64_t n = 0; n < 200; ++n) trainer.step(ramps(32, 100 + n));
    nn::Network<Ops> network(graph, images, nn::Mode::inference, Ops(1));
    nn::ScoreNetwork<Ops, VpSde> model(network, trainer.average(), VpSde{});
    HostState<float> x({images, 64}, ramps(images, 1));
    const VpSde sde;
    encode(ProbabilityFlow{sde, Heun{}, log_snr_grid(sde, 20)}, model, x);
    return x;
  };
  const CodeCorrelations found = code_correlations(codes(1), codes(2));
  CAPTURE(mean(found.same), mean(found.unrelated));
  CHECK(mean(found.same) > 0.8);
  CHECK(std::abs(mean(found.unrelated)) < 0.3);
}
