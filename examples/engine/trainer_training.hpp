// SPDX-License-Identifier: MIT
/// TrainerTraining: the part of Training that is the same for trainers of all backends and
/// objectives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <scoresde/data/image_set.hpp>
#include <scoresde/nn/graph/graph.hpp>
#include <scoresde/optim/communicator.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/preset_training.hpp>
#include <scoresde/registry/presets.hpp>

#include "cli/train_options.hpp"
#include "cli/training.hpp"
#include "engine/training_data.hpp"

namespace programs {

template <class Trainer>
class TrainerTraining : public Training {
 public:
  void step() override { trainer_.step(); }
  [[nodiscard]] std::vector<scoresde::StepReport> reports() override { return trainer_.reports(); }
  [[nodiscard]] std::size_t reports_kept() const override { return Trainer::reports_kept; }
  [[nodiscard]] std::uint64_t step_count() const override { return trainer_.step_count(); }
  [[nodiscard]] scoresde::TrainingState<float> state() override { return trainer_.state(); }
  void restore(const scoresde::TrainingState<float>& state) override { trainer_.restore(state); }
  [[nodiscard]] const scoresde::nn::ParameterTable& parameters() const override {
    return trainer_.parameters();
  }
  [[nodiscard]] scoresde::Metadata configuration() const override {
    return scoresde::checkpoint_configuration(preset_, trainer_.sde(), trainer_.configuration());
  }
  [[nodiscard]] const std::vector<scoresde::ExponentialMovingAverage>& ema_tracks() const override {
    return trainer_.configuration().ema_tracks;
  }
  [[nodiscard]] std::size_t images() const override { return images_; }
  [[nodiscard]] std::size_t network_batch() const override { return trainer_.network().batch(); }
  [[nodiscard]] std::size_t workspace_bytes() const override {
    return trainer_.network().workspace_bytes();
  }

 protected:
  /// objective: the trainer's, or what it is made of.
  template <class Objective, class Loss, class Ops, class Communicator = scoresde::NoCommunicator>
  TrainerTraining(const TrainOptions& options, const scoresde::nn::Preset& preset,
                  const Objective& objective, const Loss& loss, Ops ops,
                  Communicator communicator = {})
      : options_(options),
        preset_(preset),
        graph_(scoresde::graph_of(preset)),
        trainer_(graph_, objective, configuration_of(options, preset, loss),
                 network_batch_of(options, preset), std::move(ops), std::move(communicator)) {}

  void train_on(scoresde::data::SharedImages images) {
    images_ = images.size();
    trainer_.train_on(std::move(images), image_transform(preset_), options_.seed,
                      preset_.batch_size);
  }

  [[nodiscard]] Trainer& trainer() { return trainer_; }
  [[nodiscard]] const Trainer& trainer() const { return trainer_; }
  [[nodiscard]] const scoresde::nn::Preset& preset() const { return preset_; }
  [[nodiscard]] const TrainOptions& options() const { return options_; }
  [[nodiscard]] const scoresde::nn::Graph& graph() const { return graph_; }

 private:
  template <class Loss>
  [[nodiscard]] static auto configuration_of(const TrainOptions& options,
                                             const scoresde::nn::Preset& preset, const Loss& loss) {
    auto configuration = scoresde::training_configuration(preset, loss, options.seed);
    configuration.skip_limit = options.skip_limit;
    configuration.gradient_shards = options.gradient_shards;
    return configuration;
  }

  TrainOptions options_;
  scoresde::nn::Preset preset_;
  scoresde::nn::Graph graph_;
  std::size_t images_ = 0;  ///< of the data set
  Trainer trainer_;
};

}  // namespace programs
