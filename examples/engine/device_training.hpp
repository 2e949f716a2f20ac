// SPDX-License-Identifier: MIT
/// Training on a GPU: images, state and snapshots are on the device.
#pragma once

#include <string>

#include <scoresde/cuda/ops.hpp>
#include <scoresde/cuda/training_engine.hpp>
#include <scoresde/data/image_set.hpp>
#include <scoresde/registry/presets.hpp>

#include "cli/resource_check.hpp"
#include "cli/train_options.hpp"
#include "engine/device_network.hpp"
#include "engine/device_options.hpp"
#include "engine/objective_training.hpp"

namespace programs {

/// Of a score network or a classifier, by its objective.
template <class A, class Objective>
class DeviceTraining final : public ObjectiveTraining<scoresde::cuda::Ops<A>, Objective> {
  using Ops = scoresde::cuda::Ops<A>;

 public:
  DeviceTraining(const TrainOptions& options, const scoresde::nn::Preset& preset, const Ops& ops,
                 const scoresde::data::SharedImages& images, const Objective& objective,
                 const typename Objective::Loss& loss)
      : ObjectiveTraining<Ops, Objective>(options, preset, objective, loss, ops) {
    this->trainer().set_captures(!options.backend.no_graph);
    this->train_on(images);
  }

  [[nodiscard]] std::string device_text() const override {
    const BackendOptions& backend = this->options().backend;
    return device_description(this->trainer().network().ops().context(), backend) +
           (backend.no_graph ? "" : ", a graph for each step");
  }
  /// Of the device: workspace, state and gradient, and images, unless they stay on the host.
  [[nodiscard]] double memory_bytes() const override {
    constexpr double most_images = 1 << 30;
    const double images =
        static_cast<double>(this->images()) * static_cast<double>(this->trainer().dim());
    return static_cast<double>(this->workspace_bytes()) +
           float_bytes(5 * static_cast<double>(this->parameters().size())) +
           (images <= most_images ? images : 0);
  }
};

}  // namespace programs
