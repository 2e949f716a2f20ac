// SPDX-License-Identifier: MIT
/// The command line of cifar10_train.
#pragma once

#include <iostream>

#include <CLI/CLI.hpp>

#include "backend_command_line.hpp"
#include "preset_list.hpp"
#include "program.hpp"
#include "train_options.hpp"

namespace cifar10 {

namespace detail {

inline void add_interval_options(CLI::App& app, TrainOptions& o) {
  app.add_option("--log-every", o.log_every, "Steps between rows of train_log.csv")
      ->capture_default_str()
      ->check(natural_number(1));
  app.add_option(
         "--checkpoint-every", o.checkpoint_every,
         "Steps between checkpoints; each takes the time of one step more, which shows that "
         "the loss is finite")
      ->capture_default_str()
      ->check(natural_number(1));
  app.add_option("--keep-every", o.keep_every,
                 "Steps between checkpoints that are kept under their number, as "
                 "checkpoint_0050000.safetensors; 0 for none")
      ->capture_default_str()
      ->check(natural_number(0));
  app.add_option("--keep", o.keep, "Numbered checkpoints that stay, the latest ones; 0 for all")
      ->capture_default_str()
      ->check(natural_number(0));
  app.add_option(
         "--snapshot-every", o.snapshot_every,
         "Steps between grids of 16 samples from the EMA weights, clipped in every step on the "
         "CPU alone; 0 for none")
      ->capture_default_str()
      ->check(natural_number(0));
  app.add_option("--snapshot-steps", o.snapshot_steps, "Sampler steps of a snapshot")
      ->capture_default_str()
      ->check(natural_number(1));
}

inline void add_preset_options(CLI::App& app, TrainOptions& o) {
  app.add_option("--preset", o.preset,
                 "Network, SDE and training settings, one of: " + preset_names())
      ->capture_default_str()
      ->check(preset_name());
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
  add_backend_options(app, o.backend);
  detail::add_interval_options(app, o);
  auto* export_ema =
      app.add_option("--export-ema", o.export_ema,
                     "Only write the EMA weights of the checkpoint in --out to this file, as "
                     "float32 with their configuration, and end");
  app.add_flag("--overwrite", o.overwrite,
               "Let --export-ema replace the checkpoint of a training run")
      ->needs(export_ema);
}

}  // namespace cifar10
