// SPDX-License-Identifier: MIT
/// The networks of features of cifar10_evaluate.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <scoresde/checkpoint/inception_features.hpp>
#include <scoresde/checkpoint/pretrained_inception.hpp>
#include <scoresde/registry/inception_names.hpp>

#include "cli/evaluate_options.hpp"
#include "cli/evaluate_run.hpp"

namespace programs {

/// Features and logits of the classifier of --features, on the CPU. Throws Error, which names the
/// option, for a checkpoint that is not a classifier's, and for images of another shape.
[[nodiscard]] ImageFeatures classifier_on_host(const EvaluateOptions& options,
                                               const EvaluationInput& input);

/// The 2048 features and the logits without bias of the weights of --inception. Throws Error as
/// PretrainedInception does, and for images that are not RGB.
template <class Ops>
[[nodiscard]] ImageFeatures inception_features(const EvaluateOptions& options,
                                               const EvaluationInput& input,
                                               const std::string& device, Ops ops) {
  using scoresde::nn::InceptionOutput;
  scoresde::require(input.channels == 3, "--inception: the network takes 3 channels; the images ",
                    "have ", input.channels);
  scoresde::nn::InceptionConfig config{
      .height = input.height,
      .width = input.width,
      .convention = scoresde::from_name<scoresde::nn::InceptionConvention>("--convention",
                                                                           options.convention),
      .outputs = {InceptionOutput::features_2048, InceptionOutput::logits_unbiased}};
  const auto network = std::make_shared<scoresde::PretrainedInception<Ops>>(
      options.inception,
      scoresde::PretrainedInceptionOptions{.batch = options.feature_batch, .config = config},
      std::move(ops));
  ImageFeatures found{scoresde::inception_description(config, network->checksum()),
                      size_of(InceptionOutput::logits_unbiased),
                      false,
                      device,
                      network->warning(),
                      {}};
  found.compute = [network, d = found.description.dim, c = found.classes](
                      std::span<const std::uint8_t> images, scoresde::nn::Shape shape,
                      std::span<float> features, std::span<float> logits) {
    const auto values = network->features(images, shape);
    for (std::size_t k = 0; k < shape.n; ++k) {
      const auto row = values.begin() + static_cast<std::ptrdiff_t>(k * (d + c));
      const auto middle = row + static_cast<std::ptrdiff_t>(d);
      std::copy(row, middle, features.begin() + static_cast<std::ptrdiff_t>(k * d));
      std::copy(middle, middle + static_cast<std::ptrdiff_t>(c),
                logits.begin() + static_cast<std::ptrdiff_t>(k * c));
    }
  };
  return found;
}

}  // namespace programs
