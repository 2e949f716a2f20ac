// SPDX-License-Identifier: MIT
/// cifar10_train: fits a score network to CIFAR-10 and keeps checkpoints, a log and snapshots.
#include <filesystem>
#include <iostream>
#include <span>
#include <vector>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/checkpoint/checkpoint_replacement.hpp>
#include <scoresde/error.hpp>
#include <scoresde/io/atomic_file.hpp>
#include <scoresde/registry/classifier_configuration.hpp>

#include "cli/kept_checkpoints.hpp"
#include "cli/program.hpp"
#include "cli/run_lock.hpp"
#include "cli/stop_signals.hpp"
#include "cli/train_command_line.hpp"
#include "engine/engine.hpp"

namespace {

using programs::TrainOptions;

/// Rejects overwriting a run and resuming none, before any work is done. The folder is locked.
void check_folder(const TrainOptions& options) {
  using scoresde::require;
  const bool holds_run = std::filesystem::exists(options.out / "checkpoint.safetensors");
  require(!options.resume || holds_run, "--resume: ", options.out.string(),
          " holds no checkpoint.safetensors to continue from");
  require(options.resume || !holds_run, "--out: ", options.out.string(),
          " holds a run already; continue it with --resume or choose another folder");
  const auto left = programs::file_of_a_run(options.out);
  require(options.resume || !left, "--out: ", options.out.string(), " holds ", left.value_or(""),
          " of an earlier run and no checkpoint.safetensors; copy the checkpoint to go on from to "
          "checkpoint.safetensors and use --resume, or choose another folder");
  for (const char* name : {"checkpoint.safetensors", "train_log.csv", "held_out.csv"})
    scoresde::io::require_writable_file(options.out / name);
  require(std::filesystem::is_directory(options.data), "--data: ", options.data.string(),
          " is not a folder");
}

/// Writes the averaged weights of the run's checkpoint as a file to sample from.
void export_ema(const TrainOptions& options) {
  if (!options.overwrite) scoresde::require_replaceable("--export-ema", options.export_ema);
  const auto checkpoint = options.out / "checkpoint.safetensors";
  const auto configuration = scoresde::read_configuration(checkpoint);
  scoresde::io::require_writable_file(options.export_ema);
  const auto graph = scoresde::graph_of(configuration);
  std::vector<float> weights(graph.parameters().size());
  scoresde::load_weights(checkpoint, graph.parameters(), std::span<float>(weights));
  const std::uint64_t step = scoresde::read_step(checkpoint);
  scoresde::save_weights(options.export_ema, graph.parameters(), std::span<const float>(weights),
                         configuration, step);
  std::cout << options.export_ema.string() << " holds the EMA weights of step " << step << ", "
            << std::filesystem::file_size(options.export_ema) << " bytes\n";
}

int run(const TrainOptions& options) {
  if (!options.export_ema.empty()) {
    export_ema(options);
    return 0;
  }
  scoresde::nn::Preset preset =
      scoresde::as_usage([&] { return programs::chosen_preset(options); });
  if (options.data.empty())
    throw scoresde::UsageError("--data is missing: the folder with data_batch_1.bin");
  const programs::RunLock lock(options.out);
  check_folder(options);
  programs::add_decay(options, preset);
  if (options.backend.on_device())
    programs::train_on_device(options, preset);
  else
    programs::train_on_host(options, preset);
  return programs::stop_status();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Trains a score-based generative model on CIFAR-10 on the CPU or a GPU.",
               "cifar10_train");
  app.footer(
      "Example: an hour of training, then another hour\n"
      "  cifar10_train --data cifar-10-batches-bin --out run --minutes 60\n"
      "  cifar10_train --data cifar-10-batches-bin --out run --minutes 60 --resume\n"
      "On a GPU, with cuDNN's plans cached for the next run\n"
      "  cifar10_train --data cifar-10-batches-bin --out run --minutes 60 --backend cuda "
      "--plan-cache plans\n"
      "Ctrl-C saves and ends the run. cifar10_sample samples from run/checkpoint.safetensors.\n"
      "Exit status: 0 done, 1 failed, 2 the command line is wrong, 3 --out is in use, 129, 130 or "
      "143 stopped by SIGHUP, SIGINT or SIGTERM, and saved, "
      "153 a file would exceed the size that ulimit allows.");
  app.option_defaults()->take_last();
  TrainOptions options;
  programs::add_train_options(app, options);
  return programs::run_program(app, argc, argv, [&] {
    programs::reject_options_of_other_backend(app, options.backend);
    return run(options);
  });
}
