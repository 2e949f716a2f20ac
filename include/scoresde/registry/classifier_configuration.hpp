// SPDX-License-Identifier: MIT
/// A classifier's settings as text: keys `network.…` of its encoder, `classifier.…` of its head and
/// `training.loss = cross_entropy`.
#pragma once

#include <array>
#include <cstddef>

#include <scoresde/error.hpp>
#include <scoresde/nn/graph/graph.hpp>
#include <scoresde/nn/networks/classifier.hpp>
#include <scoresde/nn/networks/classifier_config.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/names.hpp>
#include <scoresde/registry/run_configuration.hpp>
#include <scoresde/registry/settings.hpp>
#include <scoresde/train/classification.hpp>

namespace scoresde {

template <>
inline constexpr auto published_names<nn::Pooling> = std::to_array<PublishedName<nn::Pooling>>(
    {{nn::Pooling::mean, "mean"}, {nn::Pooling::attention, "attention"}});

/// The last layers as text.
[[nodiscard]] inline Metadata describe(const nn::ClassifierHead& head) {
  return {{"classifier.classes", number_text(head.classes)},
          {"classifier.pooling", name_of(head.pooling)}};
}

/// The loss as text.
[[nodiscard]] inline Metadata describe(const CrossEntropy& loss) {
  return {{"training.loss", "cross_entropy"},
          {"training.noised", truth_text(loss.noised)},
          {"training.time_power", number_text(loss.time_power)}};
}

/// Whether a configuration is of a classifier rather than of a score network.
[[nodiscard]] inline bool describes_classifier(const Metadata& configuration) {
  return configuration.contains("classifier.classes");
}

/// The classifier of a configuration. Throws Error for one of a score network, an unknown key and
/// an invalid value.
[[nodiscard]] inline nn::ClassifierConfig classifier_of(const Metadata& configuration) {
  require(describes_classifier(configuration),
          "configuration: classifier.classes is missing; the file must be of a classifier, and "
          "this one is of a score network");
  return {network_of(configuration),
          {number_setting<std::size_t>(configuration, "classifier.classes"),
           named_setting<nn::Pooling>(configuration, "classifier.pooling")}};
}

/// The network of a configuration, a score network's or a classifier's. Throws Error as network_of,
/// classifier_of, unet and classifier do.
[[nodiscard]] inline nn::Graph graph_of(const Metadata& configuration) {
  return describes_classifier(configuration) ? nn::classifier(classifier_of(configuration))
                                             : nn::unet(network_of(configuration));
}

}  // namespace scoresde
