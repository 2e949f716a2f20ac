// SPDX-License-Identifier: MIT
/// The options of cifar10_train.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <scoresde/registry/metadata.hpp>

#include "cli/backend_options.hpp"
#include "cli/ranks.hpp"

namespace programs {

/// A batch, iterations or lr of zero selects the preset's value.
struct TrainOptions {
  std::string preset = "cifar10_small";
  std::filesystem::path data, test_data, out;
  std::size_t train_images = 0;  ///< the first ones of the training set; 0: all
  std::size_t batch = 0, network_batch = 0;
  std::size_t gradient_shards = 0;  ///< 0: none
  std::uint64_t iterations = 0;
  double minutes = 0;
  double lr = 0;
  std::string schedule;  ///< of the learning rate; empty: constant, or the checkpoint's
  std::uint64_t schedule_images = 0;  ///< its length; 0: the default or the checkpoint's
  std::optional<double> schedule_floor;
  bool class_conditional = false;
  std::optional<double> label_dropout;
  std::optional<std::uint32_t> random_shift;
  std::uint64_t seed = 42;
  std::uint64_t log_every = 50, checkpoint_every = 500, snapshot_every = 2000;
  std::uint64_t keep_every = 50000;  ///< steps between numbered checkpoints; 0: none
  std::size_t keep = 0;              ///< numbered checkpoints to keep; 0: all
  std::size_t snapshot_steps = 100;
  std::string log_format;  ///< "csv" or "jsonl"; empty: that of the run's log, or CSV
  double checkpoint_minutes = 0;
  std::uint32_t skip_limit = 10;     ///< consecutive steps that are not finite and are skipped
  std::vector<std::string> network;  ///< "key=value"
  std::vector<double> ema_tracks;
  std::uint64_t weights_every = 0, decay_images = 0;  ///< in images
  std::size_t held_out_images = 512;
  bool held_out = false;
  bool resume = false;
  bool ablation = false;
  std::filesystem::path init_weights;
  std::filesystem::path log;  ///< set by train_program; empty: train_log.csv in `out`
  // set by add_init_weights
  std::string init_weights_record;  ///< name and checksum of the file, stored in checkpoints
  std::string init_weights_text;    ///< printed with the settings
  // set by an ablation for each training
  std::string ablated;          ///< name of the network; empty: a run of its own
  double training_minutes = 0;  ///< end after this training time, over all runs; 0: no limit
  std::filesystem::path export_ema;
  bool overwrite = false;  ///< export_ema may replace the checkpoint of a run
  BackendOptions backend;
  double ema_width = 0;          ///< sigma_rel of the exported average; 0: the checkpoint's EMA
  std::uint64_t ema_images = 0;  ///< the end of its profile; 0: the last stored average
  Ranks* ranks = &one_rank;

  /// The number of equal parts of a batch that a network differentiates separately: its shards, or
  /// without any those of the ranks.
  [[nodiscard]] std::size_t batch_parts() const {
    return gradient_shards > 0 ? gradient_shards : ranks->size();
  }
};

/// Adds what a checkpoint stores of the options alone, in addition to its preset.
inline void add_program_settings(const TrainOptions& options, scoresde::Metadata& configuration) {
  if (options.train_images > 0)
    configuration["program.train_images"] = std::to_string(options.train_images);
  if (!options.init_weights_record.empty())
    configuration["program.init_weights"] = options.init_weights_record;
}

}  // namespace programs
