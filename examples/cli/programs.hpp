// SPDX-License-Identifier: MIT
/// The programs: each parses the command line, whose --help describes it, runs, and returns the
/// exit status (exit_status.hpp).
#pragma once

#include <optional>
#include <vector>

#include <scoresde/registry/metadata.hpp>

#include "cli/backend_options.hpp"
#include "cli/ranks.hpp"

namespace scoresde::nn {
struct Preset;
}  // namespace scoresde::nn

namespace programs {

struct EditOptions;
struct EvaluateOptions;
struct EvaluationInput;
struct HeldOutLevel;
struct LikelihoodOptions;
struct SampleOptions;
struct TrainOptions;

/// The functions that do a program's work on each backend (engine/engine.hpp).
template <class Options, class Configuration>
struct Engines {
  using Compute = void (*)(const Options&, const Configuration&);
  Compute on_host, on_device;

  [[nodiscard]] Compute of(const BackendOptions& o) const {
    return o.on_device() ? on_device : on_host;
  }
};
using EditEngines = Engines<EditOptions, scoresde::Metadata>;
using EvaluateEngines = Engines<EvaluateOptions, EvaluationInput>;
using LikelihoodEngines = Engines<LikelihoodOptions, scoresde::Metadata>;
using SampleEngines = Engines<SampleOptions, scoresde::Metadata>;
using TrainEngines = Engines<TrainOptions, scoresde::nn::Preset>;

/// The functions of cifar10_train --ablation (engine/engine.hpp).
struct AblationEngine {
  /// Throws Error for what a training or its held-out losses would fail by.
  void (*check)(const TrainOptions&, const std::vector<scoresde::nn::Preset>&);
  TrainEngines::Compute train;
  /// By noise level, of the average and of each of the preset's ema_rates in the checkpoint of
  /// --out; empty if a signal arrives.
  std::optional<std::vector<std::vector<HeldOutLevel>>> (*held_out)(const TrainOptions&,
                                                                    const scoresde::nn::Preset&);
};

/// `checkpoint`: the default of --checkpoint; `classifier`: that of --classifier.
int edit_program(int argc, char** argv, const char* checkpoint, const char* classifier,
                 const EditEngines& engines);
/// `features`: the default of --features; `samplers` make the samples of a checkpoint.
int evaluate_program(int argc, char** argv, const char* checkpoint, const char* features,
                     const EvaluateEngines& engines, const SampleEngines& samplers);
int likelihood_program(int argc, char** argv, const char* checkpoint,
                       const LikelihoodEngines& engines);
int sample_program(int argc, char** argv, const char* checkpoint, const SampleEngines& engines,
                   Ranks& ranks = one_rank);
int train_program(int argc, char** argv, const TrainEngines& engines,
                  const AblationEngine& ablation, Ranks& ranks = one_rank);

}  // namespace programs
