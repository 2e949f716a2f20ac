// SPDX-License-Identifier: MIT
/// What a training run will take, printed before it begins: time and disk space.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <scoresde/registry/presets.hpp>

#include "cli/train_options.hpp"

namespace programs {

/// The files of a run from one step to its last, in bytes.
struct RunFiles {
  double checkpoint = 0;        ///< one
  std::uint64_t numbered = 0;   ///< checkpoints that are kept
  std::uint64_t snapshots = 0;  ///< snapshots of weights
  double snapshot = 0;          ///< all files of one of them

  /// All, with the copy that exists while a checkpoint is written.
  [[nodiscard]] double bytes() const {
    return checkpoint * (2 + static_cast<double>(numbered)) +
           snapshot * static_cast<double>(snapshots);
  }
};

/// `parameters`: number of parameters of the network; `tracks`: of additional averages; `step`: at
/// which the run begins.
[[nodiscard]] RunFiles files_of_run(const TrainOptions& options, const scoresde::nn::Preset& preset,
                                    std::size_t parameters, std::size_t tracks, std::uint64_t step);

/// Throws Error unless the folder has space for the next checkpoints.
void require_space_for_checkpoints(const TrainOptions& options, const RunFiles& files);

/// Lines about these files and the space that is free; with a warning if it does not suffice.
[[nodiscard]] std::string disk_text(const TrainOptions& options, const RunFiles& files);

/// "45 s", "12 min", "3 h 12 min" or "12 d 3 h".
[[nodiscard]] std::string duration_text(double seconds);

/// The local date and time in that many seconds, "2026-01-31 14:05".
[[nodiscard]] std::string date_in(double seconds);

/// A line about a run of `steps` more steps that take `seconds_per_step` each; `minutes` limits it
/// unless it is 0.
[[nodiscard]] std::string time_text(double seconds_per_step, std::uint64_t steps, std::size_t batch,
                                    double minutes);

}  // namespace programs
