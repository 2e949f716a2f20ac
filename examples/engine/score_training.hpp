// SPDX-License-Identifier: MIT
/// ScoreTraining: training of a score network, with snapshots of its samples, on every backend.
#pragma once

#include <filesystem>
#include <optional>

#include <scoresde/train/score_matching.hpp>
#include <scoresde/train/trainer.hpp>

#include "engine/snapshot.hpp"
#include "engine/trainer_training.hpp"

namespace programs {

template <class Ops, class S, class Loss>
class ScoreTraining
    : public TrainerTraining<scoresde::Trainer<Ops, scoresde::ScoreMatching<S, Loss>>> {
  using Base = TrainerTraining<scoresde::Trainer<Ops, scoresde::ScoreMatching<S, Loss>>>;

 public:
  void snapshot(const std::filesystem::path& path) override {
    const auto& trainer = this->trainer();
    const TrainOptions& options = this->options();
    if (!snapshot_)
      snapshot_.emplace(this->graph(), trainer.sde(), options.snapshot_steps,
                        this->preset().network.centered, trainer.network().ops());
    snapshot_->write(path, trainer.average(), trainer.sde(), trainer.convention(), options.seed);
  }

 protected:
  using Base::Base;

 private:
  std::optional<Snapshot<Ops>> snapshot_;
};

}  // namespace programs
