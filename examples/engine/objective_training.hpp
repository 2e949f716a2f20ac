// SPDX-License-Identifier: MIT
/// ObjectiveTraining: training of a network by an objective, with snapshots of a score network's
/// samples, on every backend.
#pragma once

#include <filesystem>
#include <optional>

#include <scoresde/optim/adam.hpp>
#include <scoresde/optim/communicator.hpp>
#include <scoresde/train/objective.hpp>
#include <scoresde/train/trainer.hpp>

#include "engine/snapshot.hpp"
#include "engine/trainer_training.hpp"

namespace programs {

template <class Ops, class Objective, class Communicator = scoresde::NoCommunicator>
class ObjectiveTraining
    : public TrainerTraining<scoresde::Trainer<Ops, Objective, scoresde::Adam, Communicator>> {
  using Base = TrainerTraining<scoresde::Trainer<Ops, Objective, scoresde::Adam, Communicator>>;

 public:
  /// A classifier has no samples.
  void snapshot([[maybe_unused]] const std::filesystem::path& path) override {
    if constexpr (!scoresde::CrossEntropyObjective<Objective>) {
      const auto& trainer = this->trainer();
      const TrainOptions& options = this->options();
      if (!snapshot_)
        snapshot_.emplace(this->graph(), trainer.sde(), options.snapshot_steps,
                          this->preset().network.centered, trainer.network().ops());
      snapshot_->write(path, trainer.average(), trainer.sde(), trainer.convention(), options.seed);
    }
  }

 protected:
  using Base::Base;

 private:
  std::optional<Snapshot<Ops>> snapshot_;
};

}  // namespace programs
