// SPDX-License-Identifier: MIT
#include <algorithm>
#include <span>
#include <vector>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/checkpoint/pretrained_classifier.hpp>
#include <scoresde/checkpoint/pretrained_features.hpp>
#include <scoresde/eigen/ops.hpp>
#include <scoresde/nn/networks/classifier.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/train/trainer.hpp>

#include "support/catch.hpp"
#include "support/small_networks.hpp"
#include "support/temporary_folder.hpp"
#include "support/tiny_classifier.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;
using Ops = eigen::Ops<float>;

TEMPLATE_TEST_CASE("the classifier of a file has the logits of the one that was saved", "", VpSde,
                   VeSde) {
  const test::TemporaryFolder folder;
  const auto config = test::tiny_classifier();
  const nn::Graph graph = nn::classifier(config);
  const auto weights = small::parameters<float>(graph, 3);
  auto configuration =
      run_configuration(config.encoder, TestType(), TrainingConfigurationWith<CrossEntropy>{});
  configuration.merge(describe(config.head));
  save_weights(folder / "classifier", graph.parameters(), std::span<const float>(weights),
               configuration, 0);

  PretrainedClassifier<Ops> loaded(folder / "classifier", {.batch = 2});
  CHECK(loaded.config() == config);
  nn::Network<Ops> network(graph, 2, nn::Mode::differentiation);
  nn::ClassifierNetwork<Ops, TestType> saved(network, weights, TestType());
  const HostState<float> x({3, 64}, small::normals<float>(3 * 64, 4));
  std::vector<double> a(6), b(6);
  loaded.logits(x, 0.3, std::span<double>(a));
  saved.logits(x, 0.3, std::span<double>(b));
  CHECK(a == b);
  HostState<float> of_a({3, 64}), of_b({3, 64});
  loaded.vjp(x, 0.3, std::span<const double>(a), of_a);
  saved.vjp(x, 0.3, std::span<const double>(b), of_b);
  CHECK(std::equal(of_a.span().begin(), of_a.span().end(), of_b.span().begin()));
}

TEST_CASE("a PretrainedClassifier rejects the file of a score network") {
  const test::TemporaryFolder folder;
  const auto network = test::tiny_classifier().encoder;
  const nn::Graph graph = nn::unet(network);
  const auto weights = small::parameters<float>(graph, 3);
  save_weights(folder / "scores", graph.parameters(), std::span<const float>(weights),
               run_configuration(network, VpSde(), TrainingConfiguration{}), 0);
  CHECK_THROWS_WITH(
      PretrainedClassifier<Ops>(folder / "scores"),
      Contains((folder / "scores").string() + ": ") && Contains("classifier.classes is missing"));
  CHECK_THROWS_WITH(load_classifier_features<Ops>(folder / "scores"),
                    Contains((folder / "scores").string() + ": "));
}
