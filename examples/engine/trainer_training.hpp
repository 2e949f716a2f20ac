// SPDX-License-Identifier: MIT
/// TrainerTraining: the part of Training that is the same for trainers of all backends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/preset_training.hpp>
#include <scoresde/registry/presets.hpp>

#include "cli/training.hpp"

namespace programs {

template <class Trainer>
class TrainerTraining : public Training {
 public:
  void step() override { trainer().step(); }
  [[nodiscard]] std::vector<scoresde::StepReport> reports() override { return trainer().reports(); }
  [[nodiscard]] std::size_t reports_kept() const override { return Trainer::reports_kept; }
  [[nodiscard]] std::uint64_t step_count() const override { return trainer().step_count(); }
  [[nodiscard]] scoresde::TrainingState<float> state() override { return trainer().state(); }
  void restore(const scoresde::TrainingState<float>& state) override { trainer().restore(state); }
  [[nodiscard]] const scoresde::nn::ParameterTable& parameters() const override {
    return trainer().parameters();
  }
  [[nodiscard]] scoresde::Metadata configuration() const override {
    return scoresde::checkpoint_configuration(preset_, trainer().sde(), trainer().configuration());
  }
  [[nodiscard]] const std::vector<scoresde::ExponentialMovingAverage>& ema_tracks() const override {
    return trainer().configuration().ema_tracks;
  }
  [[nodiscard]] std::size_t network_batch() const override { return trainer().network().batch(); }
  [[nodiscard]] std::size_t workspace_bytes() const override {
    return trainer().network().workspace_bytes();
  }

 protected:
  explicit TrainerTraining(scoresde::nn::Preset preset) : preset_(std::move(preset)) {}

  [[nodiscard]] virtual Trainer& trainer() = 0;
  [[nodiscard]] virtual const Trainer& trainer() const = 0;
  [[nodiscard]] const scoresde::nn::Preset& preset() const { return preset_; }

 private:
  scoresde::nn::Preset preset_;
};

}  // namespace programs
