// SPDX-License-Identifier: MIT
/// cifar10_evaluate --backend cpu, and the features of a classifier on every backend.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/checkpoint/pretrained_features.hpp>
#include <scoresde/error.hpp>
#include <scoresde/io/atomic_file.hpp>
#include <scoresde/nn/networks/classifier.hpp>
#include <scoresde/registry/classifier_configuration.hpp>

#include "cli/evaluate_run.hpp"
#include "engine/engine.hpp"
#include "engine/host_network.hpp"
#include "engine/image_features.hpp"

namespace programs {
namespace {

/// The last layer of a classifier, W f + b.
class Logits {
 public:
  Logits(const std::filesystem::path& checkpoint, const scoresde::nn::Graph& graph)
      : weights_(graph.parameters().size()),
        w_(graph.parameters().find("logits.weight")),
        b_(graph.parameters().find("logits.bias")) {
    scoresde::load_weights(checkpoint, graph.parameters(), std::span<float>(weights_));
  }

  [[nodiscard]] std::size_t classes() const { return b_.size; }
  /// Of rows of features.
  void compute(std::span<const double> features, std::span<float> logits) const {
    const std::size_t d = w_.size / b_.size;
    for (std::size_t i = 0; i < logits.size(); ++i) {
      const std::size_t k = i / classes(), c = i % classes();
      double sum = weights_[b_.offset + c];
      for (std::size_t e = 0; e < d; ++e)
        sum += static_cast<double>(weights_[w_.offset + c * d + e]) * features[k * d + e];
      logits[i] = static_cast<float>(sum);
    }
  }

 private:
  std::vector<float> weights_;
  scoresde::nn::Parameter w_, b_;
};

struct HostClassifier {
  HostClassifier(const EvaluateOptions& o, const scoresde::nn::Graph& graph)
      : extractor(scoresde::load_classifier_features<HostOps>(
            o.features, {.batch = o.feature_batch}, HostOps(o.sampling.backend.threads))),
        logits(o.features, graph) {}

  scoresde::ClassifierFeatures<HostOps, scoresde::AnySde, scoresde::LabelOfSde> extractor;
  Logits logits;
};

}  // namespace

ImageFeatures classifier_on_host(const EvaluateOptions& options, const EvaluationInput& input) {
  const auto config = [&] {
    try {
      return scoresde::classifier_of(scoresde::read_configuration(options.features));
    } catch (const scoresde::Error& failure) {
      throw scoresde::Error(
          scoresde::text("--features: ", options.features.string(), ": ", failure.what()));
    }
  }();
  const auto& encoder = config.encoder;
  scoresde::require(encoder.num_channels == input.channels && encoder.height() == input.height &&
                        encoder.width() == input.width,
                    "--features: the classifier of ", options.features.string(), " takes ",
                    encoder.num_channels, " x ", encoder.height(), " x ", encoder.width(),
                    " values; the samples have ", input.channels, " x ", input.height, " x ",
                    input.width);
  const auto network = std::make_shared<HostClassifier>(options, scoresde::nn::classifier(config));
  ImageFeatures found{network->extractor.description(),
                      network->logits.classes(),
                      true,
                      host_description(HostOps(options.sampling.backend.threads)),
                      "",
                      {}};
  found.compute = [network](std::span<const std::uint8_t> images, scoresde::nn::Shape shape,
                            std::span<float> features, std::span<float> logits) {
    const std::vector<double> values = network->extractor.features(images, shape);
    for (std::size_t i = 0; i < values.size(); ++i) features[i] = static_cast<float>(values[i]);
    network->logits.compute(values, logits);
  };
  return found;
}

void evaluate_on_host(const EvaluateOptions& options, const EvaluationInput& input) {
  EvaluateRun run(options, input);
  const HostOps ops(options.sampling.backend.threads);
  const ImageFeatures network =
      options.inception.empty()
          ? classifier_on_host(options, input)
          : inception_features<HostOps>(options, input, host_description(ops), ops);
  scoresde::io::require_writable_folder(options.out);
  run(network);
}

}  // namespace programs
