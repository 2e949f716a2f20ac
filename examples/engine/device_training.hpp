// SPDX-License-Identifier: MIT
/// Training on a GPU: images, state and snapshots are on the device.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include <scoresde/cuda/ops.hpp>
#include <scoresde/cuda/training_engine.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/registry/preset_training.hpp>
#include <scoresde/train/score_matching.hpp>
#include <scoresde/train/trainer.hpp>

#include "cli/train_options.hpp"
#include "engine/device_network.hpp"
#include "engine/device_options.hpp"
#include "engine/snapshot.hpp"
#include "engine/trainer_training.hpp"
#include "engine/training_data.hpp"

namespace programs {

template <class A, class S, class Loss>
class DeviceTraining final
    : public TrainerTraining<
          scoresde::Trainer<scoresde::cuda::Ops<A>, scoresde::ScoreMatching<S, Loss>>> {
  using Trainer = scoresde::Trainer<scoresde::cuda::Ops<A>, scoresde::ScoreMatching<S, Loss>>;

 public:
  DeviceTraining(const TrainOptions& options, const scoresde::nn::Preset& preset,
                 const scoresde::cuda::Ops<A>& ops, const scoresde::data::ImageSet& images, S sde,
                 const Loss& loss)
      : TrainerTraining<Trainer>(preset),
        options_(options),
        centered_(preset.network.centered),
        images_(images.size()),
        graph_(scoresde::nn::unet(preset.network)),
        ops_(ops),
        trainer_(graph_, std::move(sde),
                 scoresde::training_configuration(preset, loss, options.seed),
                 network_batch_of(options, preset), ops) {
    trainer_.set_captures(!options.backend.no_graph);
    trainer_.train_on(images, image_transform(preset), options.seed, preset.batch_size);
  }

  [[nodiscard]] std::size_t images() const override { return images_; }
  [[nodiscard]] std::string device_text() const override {
    return device_description(ops_.context(), options_.backend) +
           (options_.backend.no_graph ? "" : ", a graph for each step");
  }

  void snapshot(const std::filesystem::path& path) override {
    if (!snapshot_)
      snapshot_.emplace(graph_, trainer_.sde(), options_.snapshot_steps, centered_, ops_);
    snapshot_->write(path, trainer_.average(), trainer_.sde(), trainer_.convention(),
                     options_.seed);
  }

 private:
  [[nodiscard]] Trainer& trainer() override { return trainer_; }
  [[nodiscard]] const Trainer& trainer() const override { return trainer_; }

  TrainOptions options_;
  bool centered_;
  std::size_t images_;
  scoresde::nn::Graph graph_;
  scoresde::cuda::Ops<A> ops_;
  Trainer trainer_;
  std::optional<Snapshot<scoresde::cuda::Ops<A>>> snapshot_;
};

}  // namespace programs
