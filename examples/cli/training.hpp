// SPDX-License-Identifier: MIT
/// Training: the interface between a run of cifar10_train and its backend, SDE, loss and precision.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <scoresde/nn/graph/parameters.hpp>
#include <scoresde/optim/ema.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/train/training_rules.hpp>
#include <scoresde/train/training_state.hpp>

namespace programs {

/// The held-out loss at one noise level.
struct HeldOutLevel {
  double sigma = 0;  ///< std/mean
  double loss = 0;
  std::vector<double> losses{};  ///< of each image, where the loss is a mean of them
};

class Training {
 public:
  Training() = default;
  Training(const Training&) = delete;
  Training& operator=(const Training&) = delete;
  virtual ~Training() = default;

  /// One optimizer step; on a device it is enqueued asynchronously.
  virtual void step() = 0;
  [[nodiscard]] virtual std::uint64_t step_count() const = 0;
  /// Reports of the steps since the last call, at most the last reports_kept(); blocks until these
  /// steps are finished.
  [[nodiscard]] virtual std::vector<scoresde::StepReport> reports() = 0;
  [[nodiscard]] virtual std::size_t reports_kept() const = 0;

  [[nodiscard]] virtual scoresde::TrainingState<float> state() = 0;
  virtual void restore(const scoresde::TrainingState<float>& state) = 0;
  [[nodiscard]] virtual const scoresde::nn::ParameterTable& parameters() const = 0;
  /// The metadata of a checkpoint.
  [[nodiscard]] virtual scoresde::Metadata configuration() const = 0;
  [[nodiscard]] virtual const std::vector<scoresde::ExponentialMovingAverage>& ema_tracks()
      const = 0;

  /// Images of the data set; images per forward and backward pass, and the workspace for them.
  [[nodiscard]] virtual std::size_t images() const = 0;
  [[nodiscard]] virtual std::size_t network_batch() const = 0;
  [[nodiscard]] virtual std::size_t workspace_bytes() const = 0;
  [[nodiscard]] virtual std::string device_text() const = 0;
  /// Of everything that the run keeps, about; 0 if it is not known.
  [[nodiscard]] virtual double memory_bytes() const { return 0; }

  /// Writes a grid of samples from the averaged weights.
  virtual void snapshot(const std::filesystem::path& path) = 0;

  /// Whether held-out losses can be evaluated.
  [[nodiscard]] virtual bool has_held_out() const { return false; }
  /// Reads the test images and allocates memory for held-out losses.
  virtual void prepare_held_out() {}
  /// The loss of these weights at each noise level; empty if a signal arrives.
  [[nodiscard]] virtual std::optional<std::vector<HeldOutLevel>> held_out(std::span<const float>) {
    return std::vector<HeldOutLevel>();
  }
};

}  // namespace programs
