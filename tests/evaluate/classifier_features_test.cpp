// SPDX-License-Identifier: MIT
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <scoresde/eigen/ops.hpp>
#include <scoresde/evaluate/classifier_features.hpp>
#include <scoresde/evaluate/feature_extractor.hpp>
#include <scoresde/model/classifier_network.hpp>
#include <scoresde/nn/networks/classifier.hpp>
#include <scoresde/nn/runtime/network.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/state/host_state.hpp>

#include "support/catch.hpp"
#include "support/small_networks.hpp"
#include "support/tiny_classifier.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;
using Ops = eigen::Ops<double>;
using Extractor = ClassifierFeatures<Ops, VpSde>;

static_assert(FeatureExtractor<Extractor>);
static_assert(!FeatureExtractor<VpSde>);

namespace {

std::vector<std::uint8_t> some_pixels(std::size_t size) {
  std::vector<std::uint8_t> pixels;
  for (std::size_t i = 0; i < size; ++i) pixels.push_back(static_cast<std::uint8_t>(i * 37 % 256));
  return pixels;
}

}  // namespace

TEST_CASE("the logits are an affine function of the classifier's features") {
  for (const auto pooling : {nn::Pooling::mean, nn::Pooling::attention})
    for (const bool centered : {true, false}) {
      auto config = test::tiny_classifier(pooling);
      config.encoder.centered = centered;
      const nn::Graph graph = nn::classifier(config);
      const auto weights = small::parameters<double>(graph, 3);
      Extractor extractor(config, weights, VpSde(), {.batch = 2});
      const std::size_t d = extractor.description().dim;
      const auto pixels = some_pixels(3 * 64);
      const auto features = extractor.features(pixels, {3, 1, 8, 8});
      REQUIRE(features.size() == 3 * d);

      HostState<double> x({3, 64});
      for (std::size_t i = 0; i < pixels.size(); ++i)
        x.data()[i] = centered ? pixels[i] / 127.5 - 1 : pixels[i] / 255.0;
      nn::Network<Ops> network(graph, 3, nn::Mode::inference);
      nn::ClassifierNetwork<Ops, VpSde> classifier(network, weights, VpSde());
      std::vector<double> logits(6);
      classifier.logits(x, VpSde().t_min(), std::span<double>(logits));
      const auto& w = graph.parameters().find("logits.weight");
      const auto& b = graph.parameters().find("logits.bias");
      REQUIRE(w.size == 2 * d);
      for (std::size_t k = 0; k < 3; ++k)
        for (std::size_t c = 0; c < 2; ++c) {
          double sum = weights[b.offset + c];
          for (std::size_t e = 0; e < d; ++e)
            sum += weights[w.offset + c * d + e] * features[k * d + e];
          CHECK(sum == Approx(logits[2 * k + c]).epsilon(1e-9));
        }
    }
}

TEST_CASE("features are identified by network, dimension, input and weights") {
  const auto config = test::tiny_classifier();
  const auto weights = small::parameters<double>(nn::classifier(config), 3);
  auto others = weights;
  others[5] += 1;
  const Extractor a(config, weights, VpSde()), b(config, weights, VpSde()),
      c(config, others, VpSde());
  CHECK(a.description() == b.description());
  CHECK(a.description().identity() != c.description().identity());
  CHECK(a.description().weights_checksum.size() == 16);
  CHECK(a.description().distance_name() == "Fréchet distance (classifier, 16)");
}

TEST_CASE("classifier features reject images of another shape and broken weights") {
  const auto config = test::tiny_classifier();
  auto weights = small::parameters<double>(nn::classifier(config), 3);
  Extractor extractor(config, weights, VpSde());
  CHECK_THROWS_WITH(extractor.features(some_pixels(3 * 64), {1, 3, 8, 8}),
                    Contains("3 x 8 x 8") && Contains("1 x 8 x 8"));
  CHECK_THROWS_WITH(extractor.features(some_pixels(63), {1, 1, 8, 8}), Contains("63 pixels"));
  weights[2] = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH(Extractor(config, weights, VpSde()), Contains("weight 2 is nan"));
  weights.pop_back();
  CHECK_THROWS_WITH(Extractor(config, weights, VpSde()), Contains("weights; the classifier has"));
}
