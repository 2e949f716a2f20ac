// SPDX-License-Identifier: MIT
/// The feature extractor of a classifier's checkpoint.
///
///   auto extractor = load_classifier_features<Ops>("classifier.safetensors", {.batch = 64});
#pragma once

#include <filesystem>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/checkpoint/pretrained_classifier.hpp>
#include <scoresde/evaluate/classifier_features.hpp>
#include <scoresde/model/model_ops.hpp>
#include <scoresde/nn/networks/classifier.hpp>
#include <scoresde/registry/any_sde.hpp>
#include <scoresde/registry/sde_registry.hpp>

namespace scoresde {

/// Loads the averaged weights of a training checkpoint, or a file of save_weights. Throws Error as
/// PretrainedClassifier does.
template <nn::ModelOps Ops>
[[nodiscard]] ClassifierFeatures<Ops, AnySde, LabelOfSde> load_classifier_features(
    const std::filesystem::path& checkpoint, ClassifierFeaturesOptions options = {},
    Ops ops = Ops()) {
  const Metadata configuration = read_configuration(checkpoint);
  const nn::ClassifierConfig config = detail::classifier_in(checkpoint, configuration);
  const nn::Graph graph = nn::classifier(config);
  std::vector<typename Ops::Scalar> weights(graph.parameters().size());
  load_weights(checkpoint, graph.parameters(), std::span<typename Ops::Scalar>(weights));
  return ClassifierFeatures<Ops, AnySde, LabelOfSde>(
      config, weights, visit_sde(configuration, [](const auto& sde) { return AnySde(sde); }),
      std::move(options), std::move(ops));
}

}  // namespace scoresde
