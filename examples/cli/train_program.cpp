// SPDX-License-Identifier: MIT
/// cifar10_train: its command line.
#include <algorithm>
#include <bit>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/error.hpp>
#include <scoresde/io/atomic_file.hpp>
#include <scoresde/nn/networks/unet_check.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/network_fields.hpp>
#include <scoresde/registry/preset_list.hpp>
#include <scoresde/registry/presets.hpp>
#include <scoresde/registry/run_configuration.hpp>
#include <scoresde/registry/settings.hpp>
#include <scoresde/registry/usage_error.hpp>

#include "cli/ablation_run.hpp"
#include "cli/common_options.hpp"
#include "cli/data_set.hpp"
#include "cli/init_weights.hpp"
#include "cli/kept_checkpoints.hpp"
#include "cli/preset_names.hpp"
#include "cli/programs.hpp"
#include "cli/rate_schedule.hpp"
#include "cli/run_lock.hpp"
#include "cli/stop_signals.hpp"
#include "cli/train_log.hpp"
#include "cli/train_options.hpp"
#include "cli/weight_export.hpp"

namespace programs {
namespace {

void add_interval_options(CommandLine& line, TrainOptions& o) {
  line.add_option("--log-every", o.log_every, "Steps between rows of the log")
      .shows_default()
      .check(natural_number(1));
  line.add_option("--log-format", o.log_format,
                  "csv for train_log.csv, jsonl for train_log.jsonl, one JSON object for each row "
                  "(default: csv; with --resume that of the run)")
      .check(one_of({"csv", "jsonl"}));
  line.add_option(
          "--checkpoint-every", o.checkpoint_every,
          "Steps between checkpoints; each costs one more step, which checks that the loss is "
          "finite")
      .shows_default()
      .check(natural_number(1));
  line.add_option("--keep-every", o.keep_every,
                  "Steps between numbered checkpoints, such as checkpoint_0050000.safetensors; "
                  "0 for none")
      .shows_default()
      .check(natural_number(0));
  line.add_option("--keep", o.keep, "Number of the latest numbered checkpoints to keep; 0 for all")
      .shows_default()
      .check(natural_number(0));
  line.add_option(
          "--snapshot-every", o.snapshot_every,
          "Steps between grids of 16 samples from the EMA weights, clipped in every step on the "
          "CPU only; 0 for none")
      .shows_default()
      .check(natural_number(0));
  line.add_option("--snapshot-steps", o.snapshot_steps, "Sampler steps per snapshot")
      .shows_default()
      .check(natural_number(1));
  line.add_option("--checkpoint-minutes", o.checkpoint_minutes,
                  "Also save a checkpoint when the last one is older than this many minutes; 0 for "
                  "steps only")
      .shows_default()
      .check(number_from_zero());
}

void add_skip_limit(CommandLine& line, TrainOptions& o) {
  line.add_option(
          "--skip-limit", o.skip_limit,
          "Consecutive steps that are skipped because their loss or gradient is not finite; "
          "the next such step ends the run, whose last good checkpoint stays; 0 for none")
      .shows_default()
      .check(natural_number(0, 1000000));
}

void add_average_options(CommandLine& line, TrainOptions& o) {
  line.add_option(
          "--ema-tracks", o.ema_tracks,
          "Relative widths, above 0 and at most 0.2886, of additional averages of the weights "
          "with power-function profiles (Karras et al. 2024), for example 0.05,0.1")
      .delimiter(',')
      .check(number([](double x) { return x > 0 && x <= 0.2886; }, "above 0 and at most 0.2886"))
      .one_value_each()
      .takes_all()
      .group(host_group);
  line.add_option("--weights-every", o.weights_every,
                  "Images between float16 snapshots of the weights: the current ones and each of "
                  "--ema-tracks, with their held-out losses in held_out.csv; 0 for none")
      .shows_default()
      .check(natural_number(0))
      .group(host_group);
  line.add_option("--held-out-images", o.held_out_images,
                  "Number of test images for the held-out loss")
      .shows_default()
      .check(natural_number(1, 10000))
      .group(host_group);
  line.add_flag(
          "--held-out", o.held_out,
          "Only print the held-out loss of the checkpoint in --out by noise level; requires the "
          "options of the run and --resume")
      .needs("--resume")
      .group(host_group);
}

void add_preset_options(CommandLine& line, TrainOptions& o) {
  line.add_option("--preset", o.preset,
                  "Network, SDE and training settings, one of: " + preset_names(true))
      .shows_default()
      .check(preset_name(true));
  line.add_listing(
      "--list-presets", [] { scoresde::list_presets(std::cout); },
      "Print all presets with their number of parameters, and exit");
  line.add_option("--network", o.network,
                  "KEY=VALUE: replaces a field of the preset's network, named as in score_sde's "
                  "config.model, for example ch_mult=1,2,4; may be repeated")
      .one_value_each()
      .takes_all();
  line.add_flag("--class-conditional", o.class_conditional,
                "Also condition the preset's network on the class of each image");
  line.add_option("--label-dropout", o.label_dropout,
                  "Fraction of images trained without their class, required for guidance "
                  "(default: the preset's; 0.1 with --class-conditional)")
      .check(share_from_zero());
  line.add_option(
          "--random-shift", o.random_shift,
          "Move each training image by up to this many pixels down or up and right or left, "
          "mirrored at its edges (default: the preset's)")
      .check(natural_number(0, 65536));
  line.add_option("--train-images", o.train_images,
                  "Train on the first images of the training set alone (default: all)")
      .check(natural_number(1, 10000000));
}

void add_folder_options(CommandLine& line, TrainOptions& o) {
  add_data(line, o.data);
  add_test_data(line, o.test_data);
  add_out(line, o.out, "Folder of the run: checkpoint.safetensors, train_log.csv, snapshots");
  line.add_flag("--resume", o.resume, "Continue from the checkpoint in --out, bit-identically");
  line.add_option("--init-weights", o.init_weights,
                  "Start a new run from the weights of a checkpoint (its averages) or weights file "
                  "of a network with the same tensors; a class embedding may be new")
      .check(path())
      .excludes("--resume");
}

void add_ablation(CommandLine& line, TrainOptions& o) {
  line.add_flag("--ablation", o.ablation,
                "Train a small network (default: cifar10_small_ve_ncsnpp) and networks that differ "
                "from it in one field of NCSN++ each, all for --minutes of training time, and "
                "compare their held-out losses")
      .group(host_group);
}

void add_export_options(CommandLine& line, TrainOptions& o) {
  line.add_option("--export-ema", o.export_ema,
                  "Only write the EMA weights of the checkpoint in --out to this file, as "
                  "float32 with their configuration")
      .check(path());
  line.add_option("--ema-width", o.ema_width,
                  "Relative width, above 0 and at most 0.2886, of the average that --export-ema "
                  "writes, computed from the snapshots of --ema-tracks in --out")
      .check(number([](double x) { return x > 0 && x <= 0.2886; }, "above 0 and at most 0.2886"))
      .needs("--export-ema");
  line.add_option("--ema-images", o.ema_images,
                  "Images at which the profile of --ema-width ends, best those of a snapshot "
                  "(default: the last stored average)")
      .check(natural_number(1))
      .needs("--ema-width");
  line.add_flag("--overwrite", o.overwrite,
                "Allow --export-ema to replace a file that does not hold weights alone")
      .needs("--export-ema");
}

void add_batch_options(CommandLine& line, TrainOptions& o) {
  line.add_option("--batch", o.batch, "Images per step (default: the preset's)")
      .check(natural_number(1, 65536));
  line.add_option(
          "--network-batch", o.network_batch,
          "Images per forward and backward pass, a divisor of --batch; fewer need less memory "
          "(default: --batch, or the part of it of a shard or rank)")
      .check(natural_number(1, 65536));
  line.add_option(
          "--gradient-shards", o.gradient_shards,
          "Equal parts of a batch whose gradients are added in a fixed order, so that mpirun with "
          "any number of ranks gives the same bits; the number of ranks times a power of two "
          "(default: none)")
      .check(natural_number(1, 65536))
      .group(host_group);
}

void add_train_options(CommandLine& line, TrainOptions& o) {
  add_preset_options(line, o);
  add_folder_options(line, o);
  line.add_option("--iterations", o.iterations, "Optimizer steps (default: the preset's)")
      .check(natural_number(1));
  line.add_option("--minutes", o.minutes,
                  "Stop and save after this much time (default: no limit); with --ablation the "
                  "training time of each network, over all runs")
      .check(positive_number());
  add_batch_options(line, o);
  line.add_option("--lr", o.lr, "Learning rate after warm-up (default: the preset's)")
      .check(positive_number());
  line.add_option("--decay-images", o.decay_images,
                  "With --resume: decay the learning rate to 0 over this many images from now, and "
                  "end the run there")
      .check(natural_number(1))
      .needs("--resume");
  add_schedule_options(line, o);
  add_seed(line, o.seed);
  add_backend_options(line, o.backend);
  add_interval_options(line, o);
  add_skip_limit(line, o);
  add_average_options(line, o);
  add_ablation(line, o);
  add_export_options(line, o);
}

/// The network with the fields replaced that `changes` lists as "key=value". Throws Error for text
/// without "=", and for what network_from_fields rejects.
scoresde::nn::UNetConfig changed_network(const scoresde::nn::UNetConfig& network,
                                         const std::vector<std::string>& changes) {
  scoresde::Metadata fields = scoresde::fields_of(network);
  for (const std::string& change : changes) {
    const std::size_t equals = change.find('=');
    scoresde::require(equals != std::string::npos && equals > 0, "--network: '", change,
                      "' must be KEY=VALUE, for example nf=64");
    fields[change.substr(0, equals)] = change.substr(equals + 1);
  }
  return scoresde::network_from_fields(fields);
}

/// Throws Error for a network of images with other extents than the data's.
void check_images(const scoresde::nn::UNetConfig& c, const DataShape& data) {
  scoresde::require(c.height() == data.height && c.width() == data.width &&
                        c.num_channels == data.channels && c.output_channels() == data.channels,
                    "--network: the network is for images of ", c.width(), "x", c.height(),
                    " with ", c.num_channels, " channels, ", c.output_channels(),
                    " of them predicted; those of ", data.name, " have ", data.width, "x",
                    data.height, " and ", data.channels);
  scoresde::nn::check(c);
}

/// Throws Error for heights with attention that `changes` set and no level has, and if no level has
/// any of the preset's: the network would silently have no attention.
void check_attention(const scoresde::nn::UNetConfig& c, const std::vector<std::string>& changes) {
  std::vector<std::size_t> heights;
  for (std::size_t level = 0; level < c.levels(); ++level) heights.push_back(c.height() >> level);
  const auto occurs = [&](std::size_t height) {
    return std::find(heights.begin(), heights.end(), height) != heights.end();
  };
  const auto check = [&](const std::string& key, const std::vector<std::size_t>& wanted) {
    const bool given = std::any_of(changes.begin(), changes.end(), [&](const std::string& change) {
      return change.starts_with(key + "=");
    });
    const bool fits = given ? std::all_of(wanted.begin(), wanted.end(), occurs)
                            : wanted.empty() || std::any_of(wanted.begin(), wanted.end(), occurs);
    scoresde::require(fits, "--network: ", key, " is ", scoresde::list_text(wanted),
                      "; the levels have heights of ", scoresde::list_text(heights),
                      ", and --network ", key, "= is for no attention");
  };
  check("attn_resolutions", c.attn_resolutions);
  check("attn_up_resolutions", c.attn_up_resolutions);
}

/// Throws Error for a preset of other images than the data's, unless --network changes their size.
void check_preset(const TrainOptions& o, const scoresde::nn::UNetConfig& c, const DataShape& data) {
  const bool resized =
      std::any_of(o.network.begin(), o.network.end(),
                  [](const std::string& change) { return change.starts_with("image_"); });
  scoresde::require(resized || (c.height() == data.height && c.width() == data.width),
                    "--preset: ", o.preset, " requires images of ", c.width(), "x", c.height(),
                    "; ", data.name, " has ", data.width, "x", data.height);
  scoresde::require(!o.class_conditional || data.classes > 0, "--class-conditional: ", data.name,
                    " has no classes");
}

/// Throws Error for a batch that cannot be divided into the parts of ranks, shards and passes.
void check_parts(const TrainOptions& o, std::size_t batch) {
  using scoresde::require;
  const std::size_t ranks = o.ranks->size(), shards = o.gradient_shards, parts = o.batch_parts();
  require(shards == 0 || ranks == 1 || (shards % ranks == 0 && std::has_single_bit(shards / ranks)),
          "--gradient-shards is ", shards, "; with ", ranks, " ranks it must be ", ranks,
          " times a power of two");
  require(batch % parts == 0, "--batch is ", batch, "; it must be a multiple of the ", parts,
          shards > 0 ? " gradient shards" : " ranks");
  const std::size_t part = o.network_batch > 0 ? o.network_batch : batch / parts;
  require(batch / parts % part == 0, "--network-batch is ", part, "; it must divide ",
          parts == 1   ? "--batch"
          : shards > 0 ? "the images of a shard"
                       : "those of a rank",
          ", which ", parts == 1 ? "is " : "are ", batch / parts);
}

/// Throws UsageError for what runs on one rank alone.
void check_ranks(const TrainOptions& o) {
  using scoresde::require_usage;
  require_host_of_ranks(o.backend, *o.ranks);
  require_usage(!o.ranks->several() || !o.ablation,
                "--ablation runs on one rank, and mpirun started ", o.ranks->size(),
                "; it must be started without mpirun");
}

/// The preset with the changes of the command line. Throws Error for contradictory options and for
/// a preset of other images than those of the data.
scoresde::nn::Preset chosen_preset(const TrainOptions& o, const DataShape& data) {
  scoresde::nn::Preset preset = scoresde::nn::preset(o.preset);
  check_preset(o, preset.network, data);
  preset.network = changed_network(preset.network, o.network);
  check_images(preset.network, data);
  if (!o.resume) check_attention(preset.network, o.network);  // else that of the checkpoint
  if (o.class_conditional)
    preset = scoresde::nn::class_conditional(std::move(preset), data.classes);
  scoresde::require(!o.label_dropout || preset.network.num_class_embeds > 0,
                    "--label-dropout: the network of ", o.preset,
                    " is not conditioned on classes; add --class-conditional");
  preset.label_dropout = o.label_dropout.value_or(preset.label_dropout);
  preset.random_shift = o.random_shift.value_or(preset.random_shift);
  scoresde::require(
      preset.random_shift == 0 || preset.random_shift < std::min(data.height, data.width),
      "--random-shift is ", preset.random_shift, "; images of ", data.width, "x", data.height,
      " can be shifted by at most ", std::min(data.height, data.width) - 1, " pixels");
  if (o.batch > 0) preset.batch_size = o.batch;
  if (o.iterations > 0) preset.n_iters = o.iterations;
  if (o.lr > 0) preset.lr = o.lr;
  preset.ema_tracks = o.ema_tracks;
  check_parts(o, preset.batch_size);
  return preset;
}

/// Adds the decay of the learning rate to the preset of a resumed run, which ends with it: the one
/// of the checkpoint, or with --decay-images one that begins now. Throws Error for a second decay,
/// and for a decay without --resume.
void add_decay(const TrainOptions& o, scoresde::nn::Preset& preset) {
  using scoresde::require;
  require(o.resume || o.decay_images == 0,
          "--decay-images begins a decay in an existing run; it requires --resume");
  if (!o.resume) return;
  const auto checkpoint = o.out / "checkpoint.safetensors";
  scoresde::LearningRateDecay decay = scoresde::decay_of(scoresde::read_configuration(checkpoint));
  require(decay.updates == 0 || o.decay_images == 0,
          "--decay-images: the learning rate of this run decays already, from step ", decay.first,
          " to ", decay.end(), "; resume without it");
  if (o.decay_images > 0)
    decay = {scoresde::read_step(checkpoint),
             (o.decay_images + preset.batch_size - 1) / preset.batch_size};
  if (decay.updates == 0) return;
  preset.decay_first = decay.first;
  preset.decay_steps = decay.updates;
  preset.n_iters = decay.end();
}

/// The log of a run. Throws Error for a format other than that of the run that goes on.
std::filesystem::path log_of(const TrainOptions& options) {
  const auto csv = options.out / log_name(LogFormat::csv);
  const auto json = options.out / log_name(LogFormat::json_lines);
  const bool goes_on_as_json = options.resume && std::filesystem::exists(json);
  const bool as_json = options.log_format.empty() ? goes_on_as_json : options.log_format == "jsonl";
  const auto& other = as_json ? csv : json;
  scoresde::require(!options.resume || !std::filesystem::exists(other), "--log-format is ",
                    as_json ? "jsonl" : "csv", "; the run that goes on has ", other.string());
  return as_json ? json : csv;
}

void require_data(const TrainOptions& options) {
  scoresde::require(std::filesystem::exists(options.data), "--data: ", options.data.string(),
                    " is neither a folder nor an image pack");
}

/// Rejects overwriting a run and resuming none, before any work is done. The folder is locked.
void check_folder(const TrainOptions& options) {
  using scoresde::require;
  const bool holds_run = std::filesystem::exists(options.out / "checkpoint.safetensors");
  require(!options.resume || holds_run, "--resume: ", options.out.string(),
          " holds no checkpoint.safetensors to continue from");
  require(options.resume || !holds_run, "--out: ", options.out.string(),
          " holds a run already; continue it with --resume or choose another folder");
  for (const auto& path :
       {options.out / "checkpoint.safetensors", log_of(options), options.out / "held_out.csv"})
    scoresde::io::require_writable_file(path);
  const auto left = file_of_a_run(options.out);
  require(options.resume || !left, "--out: ", options.out.string(), " holds ", left.value_or(""),
          " of an earlier run and no checkpoint.safetensors; copy the checkpoint to go on from to "
          "checkpoint.safetensors and use --resume, or choose another folder");
}

/// Throws UsageError for options that would have no effect.
void reject_contradictions(const CommandLine& line, const TrainOptions& o) {
  using scoresde::require_usage;
  require_usage(!line.given("--keep") || o.keep_every > 0,
                "--keep is for the numbered checkpoints of --keep-every, which is 0");
  if (o.export_ema.empty()) return;
  for (const std::string& name : line.given())
    require_usage(name == "--export-ema" || name == "--out" || name == "--overwrite" ||
                      name == "--ema-width" || name == "--ema-images",
                  name, " is for training; --export-ema only writes weights of the run in --out");
}

int run(TrainOptions options, const TrainEngines& engines, const AblationEngine& ablation) {
  const bool writes = options.ranks->is_first();
  check_ranks(options);
  if (!options.export_ema.empty()) {
    if (writes) export_ema(options);
    return 0;
  }
  const DataShape data = shape_of_data(options.data);
  scoresde::nn::Preset preset = scoresde::as_usage([&] { return chosen_preset(options, data); });
  if (options.data.empty()) throw scoresde::UsageError("--data is missing: the images to train on");
  if (options.ablation) {
    require_data(options);
    AblationRun(options, preset, ablation)();
    return stop_status();
  }
  std::optional<RunLock> lock;
  if (writes) {
    lock.emplace(options.out);
    check_folder(options);
  }
  require_data(options);
  options.log = log_of(options);
  add_schedule(options, preset);
  add_decay(options, preset);
  add_init_weights(options, preset);
  engines.of(options.backend)(options, preset);
  return stop_status();
}

}  // namespace

int train_program(int argc, char** argv, const TrainEngines& engines,
                  const AblationEngine& ablation, Ranks& ranks) {
  CommandLine line(
      "cifar10_train", "Trains a score-based generative model on CIFAR-10 on the CPU or a GPU.",
      "Example: an hour of training, then another hour\n"
      "  cifar10_train --data cifar-10-batches-bin --out run --minutes 60\n"
      "  cifar10_train --data cifar-10-batches-bin --out run --minutes 60 --resume\n"
      "On a GPU, with cuDNN's plans cached for the next run\n"
      "  cifar10_train --data cifar-10-batches-bin --out run --minutes 60 --backend cuda "
      "--plan-cache plans\n"
      "The ablations of NCSN++, 30 minutes for each network\n"
      "  cifar10_train --data cifar-10-batches-bin --out ablation --ablation --minutes 30\n"
      "On four ranks of Open MPI, with the same results as on one rank with the same shards\n"
      "  mpirun -n 4 cifar10_train --data cifar-10-batches-bin --out run --gradient-shards 4\n"
      "Ctrl-C saves and ends the run. cifar10_sample samples from run/checkpoint.safetensors.\n"
      "Exit status: 0 done, 1 failed, 2 the command line is wrong, 3 --out is in use, 129, 130, "
      "141 or 143 stopped by SIGHUP, SIGINT, SIGPIPE or SIGTERM, and saved, "
      "138 stopped by SIGUSR1 on several ranks, and saved, "
      "153 a file would exceed the size that ulimit allows.");
  TrainOptions options;
  options.ranks = &ranks;
  add_train_options(line, options);
  return line.run(argc, argv, [&] {
    reject_options_of_other_backend(line, options.backend);
    reject_contradictions(line, options);
    if (options.ablation) resolve_ablation_options(line, options);
    return run(options, engines, ablation);
  });
}

}  // namespace programs
