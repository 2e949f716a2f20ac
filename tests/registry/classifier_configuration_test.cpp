// SPDX-License-Identifier: MIT
#include <scoresde/registry/classifier_configuration.hpp>
#include <scoresde/registry/preset_training.hpp>
#include <scoresde/registry/presets.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;

TEST_CASE("a classifier's metadata define its network again") {
  for (const nn::Preset& p : nn::classifier_presets()) {
    INFO(p.name);
    CHECK(nn::preset(p.name).classifier == p.classifier);
    visit_classifier_training(p, [&](const auto& sde, const CrossEntropy& loss) {
      const auto training = training_configuration(p, loss, 1);
      const Metadata configuration = checkpoint_configuration(p, sde, training);
      CHECK(configuration.at("training.loss") == "cross_entropy");
      CHECK(configuration.at("training.noised") == (p.noised ? "true" : "false"));
      CHECK(configuration.at("training.time_power") == (p.noised ? "3" : "1"));
      CHECK(describes_classifier(configuration));
      CHECK(classifier_of(configuration) == nn::ClassifierConfig{p.network, *p.classifier});
      CHECK(graph_of(configuration).parameters().size() == graph_of(p).parameters().size());
    });
  }
}

TEST_CASE("the small classifiers fit in 3 MB of float16") {
  for (const nn::Preset& p : nn::classifier_presets()) {
    const std::size_t count = graph_of(p).parameters().count();
    INFO(count);
    CHECK(2 * count < 3'000'000);
    CHECK(2 * count > 1'500'000);
  }
}

TEST_CASE("a configuration of a score network is not one of a classifier") {
  const nn::Preset& scores = nn::preset("cifar10_small");
  const auto ignore = [](const auto&, const auto&) {};
  CHECK_THROWS_WITH(visit_classifier_training(scores, ignore), Contains("of a score network"));
  CHECK_THROWS_WITH(visit_training(nn::preset("cifar10_classifier_small"), ignore),
                    Contains("of a classifier"));
  CHECK_THROWS_WITH(classifier_of(describe(scores.network)),
                    Contains("classifier.classes is missing"));
  nn::Preset edm = nn::preset("cifar10_classifier_small");
  edm.sde = SdeKind::edm;
  CHECK_THROWS_WITH(visit_classifier_training(edm, ignore), Contains("vp, subvp or ve"));
  Metadata wrong = describe(scores.network);
  wrong.merge(describe(nn::ClassifierHead{}));
  wrong["classifier.pooling"] = "max";
  CHECK_THROWS_WITH(classifier_of(wrong), Contains("max") && Contains("attention"));
}
