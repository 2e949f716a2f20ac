// SPDX-License-Identifier: MIT
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/checkpoint/pretrained_features.hpp>
#include <scoresde/eigen/ops.hpp>
#include <scoresde/nn/networks/classifier.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/train/trainer.hpp>

#include "support/catch.hpp"
#include "support/small_networks.hpp"
#include "support/temporary_folder.hpp"
#include "support/tiny_classifier.hpp"

using namespace scoresde;
using Ops = eigen::Ops<float>;

TEST_CASE("the features of a classifier's file are those of its weights") {
  const test::TemporaryFolder folder;
  const auto config = test::tiny_classifier();
  const nn::Graph graph = nn::classifier(config);
  const auto weights = small::parameters<float>(graph, 3);
  auto configuration =
      run_configuration(config.encoder, VpSde(), TrainingConfigurationWith<CrossEntropy>{});
  configuration.merge(describe(config.head));
  save_weights(folder / "classifier", graph.parameters(), std::span<const float>(weights),
               configuration, 0);
  auto loaded = load_classifier_features<Ops>(folder / "classifier", {.batch = 2});
  ClassifierFeatures<Ops, VpSde> of_weights(config, weights, VpSde(), {.batch = 2});
  CHECK(loaded.description() == of_weights.description());
  const std::vector<std::uint8_t> images(3 * 64, 77);
  CHECK(loaded.features(images, {3, 1, 8, 8}) == of_weights.features(images, {3, 1, 8, 8}));
}
