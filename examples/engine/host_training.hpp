// SPDX-License-Identifier: MIT
/// Training on the CPU.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <scoresde/data/cifar10.hpp>
#include <scoresde/error.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/train/held_out_loss.hpp>
#include <scoresde/train/score_matching.hpp>
#include <scoresde/train/trainer.hpp>

#include "cli/train_options.hpp"
#include "engine/held_out.hpp"
#include "engine/host_network.hpp"
#include "engine/snapshot.hpp"
#include "engine/trainer_training.hpp"
#include "engine/training_data.hpp"

namespace programs {

template <class S, class Loss>
class HostTraining final
    : public TrainerTraining<scoresde::Trainer<HostOps, scoresde::ScoreMatching<S, Loss>>> {
  using Trainer = scoresde::Trainer<HostOps, scoresde::ScoreMatching<S, Loss>>;
  using HeldOut = HeldOutSet<HostOps, S, Loss>;

 public:
  HostTraining(const TrainOptions& options, const scoresde::nn::Preset& preset, const S& sde,
               const Loss& loss)
      : TrainerTraining<Trainer>(preset),
        options_(options),
        centered_(preset.network.centered),
        graph_(scoresde::nn::unet(preset.network)),
        trainer_(graph_, sde, scoresde::training_configuration(preset, loss, options.seed),
                 network_batch_of(options, preset), HostOps(options.backend.threads)) {
    scoresde::data::ImageSet images = training_images(options);
    images_ = images.size();
    trainer_.train_on(std::move(images), image_transform(preset), options.seed, preset.batch_size);
  }

  [[nodiscard]] std::size_t images() const override { return images_; }
  [[nodiscard]] std::string device_text() const override {
    return scoresde::text("CPU, ", trainer_.network().ops().threads(), " threads, float32");
  }

  void snapshot(const std::filesystem::path& path) override {
    if (!snapshot_)
      snapshot_.emplace(graph_, trainer_.sde(), options_.snapshot_steps, centered_,
                        HostOps(options_.backend.threads));
    snapshot_->write(path, trainer_.average(), trainer_.sde(), trainer_.convention(),
                     options_.seed);
  }

  [[nodiscard]] bool has_held_out() const override { return true; }
  void prepare_held_out() override {
    if (!held_out_)
      held_out_.emplace(options_, graph_, trainer_, centered_, HostOps(options_.backend.threads));
  }
  [[nodiscard]] std::optional<std::vector<HeldOutLevel>> held_out(
      std::span<const float> weights) override {
    prepare_held_out();
    return held_out_->evaluate(weights);
  }

 private:
  [[nodiscard]] Trainer& trainer() override { return trainer_; }
  [[nodiscard]] const Trainer& trainer() const override { return trainer_; }

  TrainOptions options_;
  bool centered_;
  scoresde::nn::Graph graph_;
  std::size_t images_ = 0;  ///< of the data set
  Trainer trainer_;
  std::optional<Snapshot<HostOps>> snapshot_;
  std::optional<HeldOut> held_out_;  ///< the test images and the network that evaluates them
};

}  // namespace programs
