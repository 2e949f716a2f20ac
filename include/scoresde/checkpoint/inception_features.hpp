// SPDX-License-Identifier: MIT
/// InceptionFeatures: a PretrainedInception as a FeatureExtractor, whose Fréchet distance is FID.
///
///   InceptionFeatures<Ops> extractor("pt_inception-2015-12-05-6726825d.pth", {.batch = 8});
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <scoresde/checkpoint/pretrained_inception.hpp>
#include <scoresde/error.hpp>
#include <scoresde/evaluate/feature_extractor.hpp>
#include <scoresde/model/model_ops.hpp>
#include <scoresde/nn/graph/inference_ops.hpp>
#include <scoresde/nn/graph/ops.hpp>
#include <scoresde/nn/networks/inception_config.hpp>

namespace scoresde {

/// The description of the first output of a network with these weights.
[[nodiscard]] inline FeatureDescription inception_description(const nn::InceptionConfig& config,
                                                              std::string weights_checksum) {
  return {FeatureNetwork::inception_2015_12_05, "Inception 2015-12-05",
          size_of(config.outputs.front()), std::string(words_of(config.convention)),
          std::move(weights_checksum)};
}

/// Models FeatureExtractor. Not thread-safe.
template <class Ops>
requires nn::InferenceOps<Ops> && nn::ModelOps<Ops>
class InceptionFeatures {
 public:
  /// Throws Error unless one output is configured, and as PretrainedInception does.
  explicit InceptionFeatures(const std::filesystem::path& weights,
                             PretrainedInceptionOptions options = {}, Ops ops = Ops())
      : InceptionFeatures(read_inception_weights(weights), std::move(options), std::move(ops)) {}
  /// With weights that have been read.
  explicit InceptionFeatures(const InceptionWeights& weights,
                             PretrainedInceptionOptions options = {}, Ops ops = Ops())
      : network_(weights, std::move(options), std::move(ops)),
        description_(inception_description(network_.config(), network_.checksum())) {
    require(network_.config().outputs.size() == 1,
            "Inception features: ", network_.config().outputs.size(),
            " outputs are configured; features are one of them");
  }

  [[nodiscard]] const FeatureDescription& description() const { return description_; }
  /// To print next to every number; empty for the published weights.
  [[nodiscard]] const std::string& warning() const { return network_.warning(); }

  /// shape.n rows. Throws Error for images of another shape than the network's.
  [[nodiscard]] std::vector<typename Ops::Scalar> features(std::span<const std::uint8_t> images,
                                                           nn::Shape shape) {
    return network_.features(images, shape);
  }

 private:
  PretrainedInception<Ops> network_;
  FeatureDescription description_;
};

}  // namespace scoresde
