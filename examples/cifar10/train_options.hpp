// SPDX-License-Identifier: MIT
/// The command line of cifar10_train.
#pragma once

#include <cstdint>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <utility>

#include <CLI/CLI.hpp>

#include <scoresde/error.hpp>
#include <scoresde/io/cifar10.hpp>
#include <scoresde/nn/presets.hpp>

#include "preset_list.hpp"
#include "program.hpp"

namespace cifar10 {

/// Zero stands for "as the preset says" in batch, iterations and lr.
struct TrainOptions {
  std::string preset = "cifar10_small";
  std::filesystem::path data, out;
  std::size_t batch = 0, network_batch = 0;
  std::uint64_t iterations = 0;
  double minutes = 0;
  double lr = 0;
  bool class_conditional = false;
  std::optional<double> label_dropout;
  std::uint64_t seed = 42;
  std::size_t threads = 0;
  std::uint64_t log_every = 50, checkpoint_every = 500, snapshot_every = 2000;
  std::size_t snapshot_steps = 100;
  bool resume = false;
  std::filesystem::path export_ema;
};

namespace detail {

inline void add_interval_options(CLI::App& app, TrainOptions& o) {
  app.add_option("--log-every", o.log_every, "Steps between rows of train_log.csv")
      ->capture_default_str()
      ->check(natural_number(1));
  app.add_option("--checkpoint-every", o.checkpoint_every, "Steps between checkpoints")
      ->capture_default_str()
      ->check(natural_number(1));
  app.add_option("--snapshot-every", o.snapshot_every,
                 "Steps between grids of 16 samples from the EMA weights; 0 for none")
      ->capture_default_str()
      ->check(natural_number(0));
  app.add_option("--snapshot-steps", o.snapshot_steps, "Sampler steps of a snapshot")
      ->capture_default_str()
      ->check(natural_number(1));
}

inline void add_preset_options(CLI::App& app, TrainOptions& o) {
  app.add_option("--preset", o.preset,
                 "Network, SDE and training settings, one of: " + preset_names())
      ->capture_default_str();
  app.add_flag_callback(
      "--list-presets",
      [] {
        print_presets(std::cout);
        throw CLI::Success();
      },
      "Print all presets with their number of parameters, and end");
  app.add_flag("--class-conditional", o.class_conditional,
               "Tell the preset's network the class of each picture as well");
  app.add_option("--label-dropout", o.label_dropout,
                 "Share of pictures whose class is kept from the network, which guidance needs "
                 "(default: the preset's; 0.1 with --class-conditional)")
      ->check(share_from_zero());
}

}  // namespace detail

inline void add_train_options(CLI::App& app, TrainOptions& o) {
  detail::add_preset_options(app, o);
  app.add_option("--data", o.data,
                 "Folder with CIFAR-10 in its binary version: data_batch_1.bin … test_batch.bin");
  app.add_option("--out", o.out,
                 "Folder of the run: checkpoint.safetensors, train_log.csv, snapshots")
      ->required();
  app.add_flag("--resume", o.resume, "Continue from the checkpoint in --out, bit for bit");
  app.add_option("--iterations", o.iterations, "Optimizer steps in all (default: the preset's)")
      ->check(natural_number(1));
  app.add_option("--minutes", o.minutes,
                 "Stop after this much time, save and end (default: no limit)")
      ->check(positive_number());
  app.add_option("--batch", o.batch, "Pictures in a step (default: the preset's)")
      ->check(natural_number(1, 65536));
  app.add_option("--network-batch", o.network_batch,
                 "Pictures differentiated at a time, a divisor of --batch; fewer need less memory "
                 "(default: --batch)")
      ->check(natural_number(1, 65536));
  app.add_option("--lr", o.lr, "Learning rate after warm-up (default: the preset's)")
      ->check(positive_number());
  app.add_option("--seed", o.seed, "Names every random number of the run")
      ->capture_default_str()
      ->check(natural_number(0));
  app.add_option("--threads", o.threads, "CPU threads; 0 takes all")
      ->capture_default_str()
      ->check(natural_number(0, 1024));
  detail::add_interval_options(app, o);
  app.add_option("--export-ema", o.export_ema,
                 "Only write the EMA weights of the checkpoint in --out to this file, as float32 "
                 "with their configuration, and end");
}

/// The preset with what the command line changes of it. Throws Error for contradictions.
inline scoresde::nn::Preset chosen_preset(const TrainOptions& o) {
  scoresde::nn::Preset preset = scoresde::nn::preset(o.preset);
  scoresde::detail::require(preset.network.height() == 32 && preset.network.width() == 32,
                            "--preset: ", o.preset, " is made for pictures of ",
                            preset.network.width(), "x", preset.network.height(),
                            "; those of CIFAR-10 have 32x32");
  if (o.class_conditional)
    preset =
        scoresde::nn::class_conditional(std::move(preset), scoresde::io::cifar10_classes.size());
  scoresde::detail::require(!o.label_dropout || preset.network.num_class_embeds > 0,
                            "--label-dropout: the network of ", o.preset,
                            " is told no classes; --class-conditional tells them");
  preset.label_dropout = o.label_dropout.value_or(preset.label_dropout);
  if (o.batch > 0) preset.batch_size = o.batch;
  if (o.iterations > 0) preset.n_iters = o.iterations;
  if (o.lr > 0) preset.lr = o.lr;
  const std::size_t part = o.network_batch > 0 ? o.network_batch : preset.batch_size;
  scoresde::detail::require(preset.batch_size % part == 0, "--network-batch is ", part,
                            "; it must divide --batch, which is ", preset.batch_size);
  return preset;
}

}  // namespace cifar10
