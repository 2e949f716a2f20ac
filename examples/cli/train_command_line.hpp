// SPDX-License-Identifier: MIT
/// The command line of cifar10_train.
#pragma once

#include <iostream>

#include <CLI/CLI.hpp>

#include <scoresde/registry/preset_list.hpp>

#include "cli/backend_command_line.hpp"
#include "cli/program.hpp"
#include "cli/train_options.hpp"

namespace programs {

namespace detail {

inline void add_interval_options(CLI::App& app, TrainOptions& o) {
  app.add_option("--log-every", o.log_every, "Steps between rows of train_log.csv")
      ->capture_default_str()
      ->check(natural_number(1));
  app.add_option(
         "--checkpoint-every", o.checkpoint_every,
         "Steps between checkpoints; each costs one more step, which checks that the loss is "
         "finite")
      ->capture_default_str()
      ->check(natural_number(1));
  app.add_option("--keep-every", o.keep_every,
                 "Steps between numbered checkpoints, such as checkpoint_0050000.safetensors; "
                 "0 for none")
      ->capture_default_str()
      ->check(natural_number(0));
  app.add_option("--keep", o.keep, "Number of the latest numbered checkpoints to keep; 0 for all")
      ->capture_default_str()
      ->check(natural_number(0));
  app.add_option(
         "--snapshot-every", o.snapshot_every,
         "Steps between grids of 16 samples from the EMA weights, clipped in every step on the "
         "CPU only; 0 for none")
      ->capture_default_str()
      ->check(natural_number(0));
  app.add_option("--snapshot-steps", o.snapshot_steps, "Sampler steps per snapshot")
      ->capture_default_str()
      ->check(natural_number(1));
  app.add_option("--checkpoint-minutes", o.checkpoint_minutes,
                 "Also save a checkpoint when the last one is older than this many minutes; 0 for "
                 "steps only")
      ->capture_default_str()
      ->check(number_from_zero());
}

inline void add_average_options(CLI::App& app, TrainOptions& o) {
  app.add_option(
         "--ema-tracks", o.ema_tracks,
         "Relative widths, above 0 and at most 0.2886, of additional averages of the weights "
         "with power-function profiles (Karras et al. 2024), for example 0.05,0.1")
      ->delimiter(',')
      ->check(number([](double x) { return x > 0 && x <= 0.2886; }, "above 0 and at most 0.2886"))
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->group(host_group);
  app.add_option("--weights-every", o.weights_every,
                 "Images between float16 snapshots of the weights: the current ones and each of "
                 "--ema-tracks, with their held-out losses in held_out.csv; 0 for none")
      ->capture_default_str()
      ->check(natural_number(0))
      ->group(host_group);
  app.add_option("--held-out-images", o.held_out_images,
                 "Number of test images for the held-out loss")
      ->capture_default_str()
      ->check(natural_number(1, 10000))
      ->group(host_group);
  app.add_flag(
         "--held-out", o.held_out,
         "Only print the held-out loss of the checkpoint in --out by noise level; requires the "
         "options of the run and --resume")
      ->needs(app.get_option("--resume"))
      ->group(host_group);
}

inline void add_preset_options(CLI::App& app, TrainOptions& o) {
  app.add_option("--preset", o.preset,
                 "Network, SDE and training settings, one of: " + preset_names(true))
      ->capture_default_str()
      ->check(preset_name(true));
  app.add_flag_callback(
      "--list-presets",
      [] {
        scoresde::list_presets(std::cout);
        throw CLI::Success();
      },
      "Print all presets with their number of parameters, and exit");
  app.add_option("--network", o.network,
                 "KEY=VALUE: replaces a field of the preset's network, named as in score_sde's "
                 "config.model, for example ch_mult=1,2,4; may be repeated")
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_flag("--class-conditional", o.class_conditional,
               "Also condition the preset's network on the class of each image");
  app.add_option("--label-dropout", o.label_dropout,
                 "Fraction of images trained without their class, required for guidance "
                 "(default: the preset's; 0.1 with --class-conditional)")
      ->check(share_from_zero());
  app.add_option("--train-images", o.train_images,
                 "Train on the first images of the training set alone (default: all)")
      ->check(natural_number(1, 10000000));
}

inline void add_folder_options(CLI::App& app, TrainOptions& o) {
  app.add_option("--data", o.data,
                 "Folder with CIFAR-10 in its binary version: data_batch_1.bin … test_batch.bin")
      ->check(path());
  app.add_option("--out", o.out,
                 "Folder of the run: checkpoint.safetensors, train_log.csv, snapshots")
      ->required()
      ->check(path());
  app.add_flag("--resume", o.resume, "Continue from the checkpoint in --out, bit-identically");
}

}  // namespace detail

inline void add_train_options(CLI::App& app, TrainOptions& o) {
  detail::add_preset_options(app, o);
  detail::add_folder_options(app, o);
  app.add_option("--iterations", o.iterations, "Optimizer steps (default: the preset's)")
      ->check(natural_number(1));
  app.add_option("--minutes", o.minutes, "Stop and save after this much time (default: no limit)")
      ->check(positive_number());
  app.add_option("--batch", o.batch, "Images per step (default: the preset's)")
      ->check(natural_number(1, 65536));
  app.add_option(
         "--network-batch", o.network_batch,
         "Images per forward and backward pass, a divisor of --batch; fewer need less memory "
         "(default: --batch)")
      ->check(natural_number(1, 65536));
  app.add_option("--lr", o.lr, "Learning rate after warm-up (default: the preset's)")
      ->check(positive_number());
  app.add_option("--decay-images", o.decay_images,
                 "With --resume: decay the learning rate to 0 over this many images from now, and "
                 "end the run there")
      ->check(natural_number(1))
      ->needs(app.get_option("--resume"));
  app.add_option("--seed", o.seed, "Seed of all random numbers of the run")
      ->capture_default_str()
      ->check(natural_number(0));
  add_backend_options(app, o.backend);
  detail::add_interval_options(app, o);
  detail::add_average_options(app, o);
  auto* export_ema =
      app.add_option("--export-ema", o.export_ema,
                     "Only write the EMA weights of the checkpoint in --out to this file, as "
                     "float32 with their configuration")
          ->check(path());
  app.add_flag("--overwrite", o.overwrite,
               "Allow --export-ema to replace a file that does not hold weights alone")
      ->needs(export_ema);
}

}  // namespace programs
