// SPDX-License-Identifier: MIT
/// cifar10_train --ablation: networks that differ in one field each, trained for equal times, and
/// their held-out losses.
///
/// Song et al. 2021 (arXiv:2011.13456), appendix H. Every network has a folder of --out with a run
/// of its own. The networks are trained in turns, so that a load of the machine that changes
/// affects all of them; a turn ends after an equal training time (TrainOptions::training_minutes).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <scoresde/registry/ablation.hpp>
#include <scoresde/registry/presets.hpp>

#include "cli/ablation_report.hpp"
#include "cli/command_line.hpp"
#include "cli/programs.hpp"
#include "cli/run_lock.hpp"
#include "cli/train_options.hpp"

namespace programs {

/// Sets the defaults of an ablation. Throws UsageError for options that it decides, and without
/// --minutes.
void resolve_ablation_options(const CommandLine& line, TrainOptions& options);

class AblationRun {
 public:
  /// Locks the folder. Throws UsageError as ablations() does, and Error for another run in the
  /// folder, an ablation in it without --resume, and --resume without one or with other settings.
  AblationRun(const TrainOptions& options, const scoresde::nn::Preset& base,
              const AblationEngine& engine);

  /// Trains what remains of each network's time, evaluates all, and writes the results, or returns
  /// earlier after a signal.
  void operator()();

 private:
  /// What the checkpoint in a network's folder has.
  struct Trained {
    std::uint64_t step = 0;
    double seconds = 0;
  };

  [[nodiscard]] std::map<std::string, std::string> settings() const;
  void check_folder() const;
  /// Throws Error for a file of other settings or of more minutes.
  void check_settings() const;
  void write_settings() const;
  [[nodiscard]] std::filesystem::path folder(const scoresde::Ablation& network) const;
  [[nodiscard]] TrainOptions options_of(const scoresde::Ablation& network) const;
  [[nodiscard]] Trained trained(const scoresde::Ablation& network) const;
  void report_setup() const;
  /// Trains every network up to this time.
  void take_turns(double minutes) const;
  /// Empty if a signal arrives.
  [[nodiscard]] std::optional<std::vector<AblationResult>> results() const;
  void write_results(const std::vector<AblationResult>& results) const;

  TrainOptions options_;
  AblationEngine engine_;
  std::vector<scoresde::Ablation> networks_;  ///< the base first
  RunLock lock_;
};

}  // namespace programs
