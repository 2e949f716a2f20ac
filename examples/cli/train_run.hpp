// SPDX-License-Identifier: MIT
/// One run of cifar10_train on any backend: log, checkpoints, snapshots and time limit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/presets.hpp>

#include "cli/forecast.hpp"
#include "cli/held_out_log.hpp"
#include "cli/train_log.hpp"
#include "cli/train_options.hpp"
#include "cli/training.hpp"
#include "cli/weight_snapshots.hpp"

namespace programs {

class TrainRun {
 public:
  TrainRun(const TrainOptions& options, const scoresde::nn::Preset& preset, Training& training)
      : options_(options), preset_(preset), training_(training) {}

  /// Trains until the iterations or minutes are used up or a signal arrives, and saves.
  void operator()();

 private:
  void train();
  /// Whether this rank writes the files of the run.
  [[nodiscard]] bool writes() const { return options_.ranks->is_first(); }
  /// Throws Error unless all ranks have the state, and the number of images, of the first.
  void require_same_start();
  /// On several ranks: what all of them do next, by the clock of the first and the signals of all.
  void agree();
  /// Whether a signal or the time ends the run.
  [[nodiscard]] bool ends() const;
  /// Calls a member whose time is not training time.
  void untimed(void (TrainRun::*work)());
  [[nodiscard]] std::filesystem::path checkpoint() const;
  [[nodiscard]] bool is_kept(std::uint64_t step) const;
  [[nodiscard]] std::uint64_t steps() const;
  void step();
  /// Adds the reports of finished steps to the row; blocks until the device has finished them.
  void take_reports();
  /// Adds a step that was skipped to the row and to the notices.
  void note_skipped(std::uint64_t step, const scoresde::StepReport& report);
  void write_log_row();
  /// Writes the row first, so that the log contains all steps of the checkpoint and no mean spans
  /// it.
  void save();
  void save_to(const std::filesystem::path& path, const scoresde::TrainingState<float>& state);
  /// Takes steps until one has a finite loss and restores the state, so that a diverged state never
  /// replaces a good checkpoint. Throws Error as a step does, and for a state with numbers that are
  /// not finite.
  void require_good(const scoresde::TrainingState<float>& state);
  void load(const std::filesystem::path& path);
  /// Starts from the weights of options_.init_weights.
  void start_from_weights();
  /// The checkpoint from which a failed run can be resumed, for messages.
  [[nodiscard]] std::string last_good_text() const;
  [[nodiscard]] std::uint64_t images_seen() const;
  [[nodiscard]] bool checkpoint_is_old() const;
  /// The same by the clock of this rank.
  [[nodiscard]] bool is_time_to_save() const;
  /// Whether the last step passed a multiple of weights_every.
  [[nodiscard]] bool weights_due() const;
  /// Writes snapshots of the weights and their held-out losses. The checkpoint of this step is
  /// saved before, so that a run stopped in between writes the rest when it is resumed.
  void store_weights();
  /// Empty if a signal arrived meanwhile.
  [[nodiscard]] std::optional<std::string> held_out_rows(const std::vector<NamedWeights>& all);
  void print_held_out();
  [[nodiscard]] scoresde::Metadata configuration() const;
  [[nodiscard]] bool snapshot_due() const;
  [[nodiscard]] std::filesystem::path snapshot_path() const;  ///< of this step
  void snapshot();
  [[nodiscard]] double minutes() const;
  /// Over all runs.
  [[nodiscard]] double training_seconds() const;
  [[nodiscard]] bool out_of_time() const;
  [[nodiscard]] double fraction() const;
  [[nodiscard]] std::string progress_text() const;
  [[nodiscard]] std::string loss_text() const;
  [[nodiscard]] std::string classes_text() const;
  [[nodiscard]] std::string ranks_text() const;
  void report_setup() const;
  [[nodiscard]] RunFiles files() const;
  [[nodiscard]] std::string memory_text() const;
  /// Prints how long the run will take, by a few steps that are undone.
  void report_time();
  void report_end() const;

  TrainOptions options_;
  scoresde::nn::Preset preset_;
  Training& training_;
  std::optional<TrainLog> log_;
  std::optional<HeldOutLog> held_out_log_;
  scoresde::StepReport sum_{};
  std::size_t unreported_ = 0;
  std::uint64_t steps_in_sum_ = 0, first_step_ = 0;
  std::uint64_t skipped_in_row_ = 0, skipped_ = 0;  ///< steps since the last row, and in all
  std::string notices_;                             ///< lines to print between two steps
  std::optional<std::uint64_t> saved_step_;         ///< step of the newest checkpoint
  std::filesystem::path saved_to_;                  ///< its file
  struct {
    bool out_of_time = false, checkpoint_is_old = false, stops = false;
  } agreed_;  ///< on several ranks
  double last_loss_ = 0, seconds_before_ = 0, start_ = 0, untimed_ = 0, saved_ = 0;
};

}  // namespace programs
