// SPDX-License-Identifier: MIT
/// Training runs for device and CPU: small images, a network with every kind of layer.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <scoresde/cuda/training_engine.hpp>
#include <scoresde/data/image_stream.hpp>
#include <scoresde/eigen/ops.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/train/trainer.hpp>

#include "support/shared_plans.hpp"
#include "support/small_networks.hpp"

namespace scoresde::test {

inline const cuda::Context& training_context() {
  static const cuda::Context shared;
  return shared;
}

inline constexpr std::uint64_t data_seed = 11;
inline constexpr data::ImageTransform transform{
    .centered = false, .random_flip = true, .uniform_dequantization = true};

/// Asymmetric images of 2×8×8 pixels in three classes.
inline data::ImageSet samples(std::size_t count) {
  data::ImageSet set;
  set.channels = 2;
  set.height = set.width = 8;
  for (std::size_t i = 0; i < count; ++i) {
    set.labels.push_back(static_cast<std::uint8_t>(i % 3));
    for (std::size_t e = 0; e < set.dim(); ++e)
      set.pixels.push_back(static_cast<std::uint8_t>((37 * i + 5 * e + e * e / 7) % 256));
  }
  return set;
}

inline nn::UNetConfig classed_network() {
  nn::UNetConfig config = small::every_path();
  config.num_class_embeds = 3;
  return config;
}

template <class Loss = DenoisingScoreMatching>
TrainingConfigurationWith<Loss> small_training() {
  TrainingConfigurationWith<Loss> c{.seed = 5};
  c.optimizer = {.learning_rate = 1e-3, .warm_up = 2};
  c.loss.reduce_mean = true;
  return c;
}

template <class A>
cuda::Ops<A> training_ops() {
  return cuda::Ops<A>(training_context(), shared_plans(),
                      std::is_same_v<A, float> ? cuda::Precision::fp32 : cuda::Precision::bf16);
}

/// ‖a − b‖/‖b − origin‖.
inline double relative(const std::vector<float>& a, const std::vector<float>& b,
                       const std::vector<float>& origin) {
  double error = 0, size = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    error += std::pow(double(a[i]) - double(b[i]), 2);
    size += std::pow(double(b[i]) - double(origin[i]), 2);
  }
  return std::sqrt(error / size);
}

/// The CPU's run on the same stream of images.
template <class S, class Loss = DenoisingScoreMatching, class Rule = Adam>
class HostRun {
 public:
  HostRun(const nn::Graph& graph, S sde, TrainingConfigurationWith<Loss, Rule> configuration,
          std::size_t batch, const data::ImageSet& images)
      : trainer(graph, sde, configuration, batch),
        images_(images),
        stream_(images_, transform, data_seed),
        batch_(batch * images.dim()),
        labels_(batch) {}

  StepReport step() {
    const std::uint64_t first = trainer.step_count() * labels_.size();
    stream_.template fill_batch<float>(first, batch_);
    stream_.fill_labels(first, labels_);
    trainer.step(batch_, trainer.network().classes() > 0 ? std::span<const std::uint32_t>(labels_)
                                                         : std::span<const std::uint32_t>());
    return trainer.report();
  }
  [[nodiscard]] const std::vector<float>& last_batch() const { return batch_; }

  Trainer<eigen::Ops<float>, ScoreMatching<S, Loss>, Rule> trainer;

 private:
  data::ImageSet images_;
  data::ImageStream stream_;
  std::vector<float> batch_;
  std::vector<std::uint32_t> labels_;
};

}  // namespace scoresde::test
