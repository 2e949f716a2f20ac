// SPDX-License-Identifier: MIT
/// Training on the CPU.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include <scoresde/registry/presets.hpp>
#include <scoresde/train/score_matching.hpp>

#include "cli/ranks.hpp"
#include "cli/train_options.hpp"
#include "engine/held_out.hpp"
#include "engine/host_network.hpp"
#include "engine/objective_training.hpp"
#include "engine/training_data.hpp"
#include "engine/training_memory.hpp"

namespace programs {

template <class S, class Loss>
class HostTraining final
    : public ObjectiveTraining<HostOps, scoresde::ScoreMatching<S, Loss>, RankCommunicator> {
  using Base = ObjectiveTraining<HostOps, scoresde::ScoreMatching<S, Loss>, RankCommunicator>;

 public:
  HostTraining(const TrainOptions& options, const scoresde::nn::Preset& preset, const S& sde,
               const Loss& loss)
      : Base(options, preset, sde, loss, HostOps(options.backend.threads),
             RankCommunicator(*options.ranks)) {
    this->train_on(training_images(options));
  }

  [[nodiscard]] std::string device_text() const override {
    return host_description(this->trainer().network().ops());
  }
  [[nodiscard]] double memory_bytes() const override {
    return training_memory(this->options(), this->preset(), this->trainer().network().ops());
  }

  [[nodiscard]] bool has_held_out() const override { return true; }
  void prepare_held_out() override {
    if (!held_out_)
      held_out_.emplace(this->options(), this->graph(), this->preset(), this->trainer().sde(),
                        this->trainer().configuration().loss, this->trainer().network().ops());
  }
  [[nodiscard]] std::optional<std::vector<HeldOutLevel>> held_out(
      std::span<const float> weights) override {
    prepare_held_out();
    return held_out_->evaluate(weights);
  }

 private:
  std::optional<HeldOutSet<HostOps, S, Loss>> held_out_;
};

}  // namespace programs
