// SPDX-License-Identifier: MIT
/// The options of cifar10_train.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/data/cifar10.hpp>
#include <scoresde/error.hpp>
#include <scoresde/nn/networks/unet_check.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/network_fields.hpp>
#include <scoresde/registry/presets.hpp>
#include <scoresde/registry/run_configuration.hpp>
#include <scoresde/registry/settings.hpp>

#include "cli/backend_options.hpp"

namespace programs {

/// A batch, iterations or lr of zero selects the preset's value.
struct TrainOptions {
  std::string preset = "cifar10_small";
  std::filesystem::path data, out;
  std::size_t train_images = 0;  ///< the first ones of the training set; 0: all
  std::size_t batch = 0, network_batch = 0;
  std::uint64_t iterations = 0;
  double minutes = 0;
  double lr = 0;
  bool class_conditional = false;
  std::optional<double> label_dropout;
  std::uint64_t seed = 42;
  std::uint64_t log_every = 50, checkpoint_every = 500, snapshot_every = 2000;
  std::uint64_t keep_every = 50000;  ///< steps between numbered checkpoints; 0: none
  std::size_t keep = 0;              ///< numbered checkpoints to keep; 0: all
  std::size_t snapshot_steps = 100;
  double checkpoint_minutes = 0;
  std::vector<std::string> network;  ///< "key=value"
  std::vector<double> ema_tracks;
  std::uint64_t weights_every = 0, decay_images = 0;  ///< in images
  std::size_t held_out_images = 512;
  bool held_out = false;
  bool resume = false;
  std::filesystem::path export_ema;
  bool overwrite = false;  ///< export_ema may replace the checkpoint of a run
  BackendOptions backend;
};

/// The network with the fields replaced that `changes` lists as "key=value". Throws Error for text
/// without "=", and for what network_from_fields rejects.
inline scoresde::nn::UNetConfig changed_network(const scoresde::nn::UNetConfig& network,
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

/// Throws Error for a network of images with other extents than CIFAR-10's.
inline void check_images(const scoresde::nn::UNetConfig& c) {
  scoresde::require(
      c.height() == 32 && c.width() == 32 && c.num_channels == 3 && c.output_channels() == 3,
      "--network: the network is for images of ", c.width(), "x", c.height(), " with ",
      c.num_channels, " channels, ", c.output_channels(),
      " of them predicted; those of CIFAR-10 have 32x32 and 3");
  scoresde::nn::check(c);
}

/// Throws Error for heights with attention that `changes` set and no level has, and if no level has
/// any of the preset's: the network would silently have no attention.
inline void check_attention(const scoresde::nn::UNetConfig& c,
                            const std::vector<std::string>& changes) {
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

/// The preset with the changes of the command line. Throws Error for contradictory options.
inline scoresde::nn::Preset chosen_preset(const TrainOptions& o) {
  scoresde::nn::Preset preset = scoresde::nn::preset(o.preset);
  scoresde::require(preset.network.height() == 32 && preset.network.width() == 32,
                    "--preset: ", o.preset, " requires images of ", preset.network.width(), "x",
                    preset.network.height(), "; CIFAR-10 has 32x32");
  preset.network = changed_network(preset.network, o.network);
  check_images(preset.network);
  if (!o.resume) check_attention(preset.network, o.network);  // else that of the checkpoint
  if (o.class_conditional)
    preset =
        scoresde::nn::class_conditional(std::move(preset), scoresde::data::cifar10_classes.size());
  scoresde::require(!o.label_dropout || preset.network.num_class_embeds > 0,
                    "--label-dropout: the network of ", o.preset,
                    " is not conditioned on classes; add --class-conditional");
  preset.label_dropout = o.label_dropout.value_or(preset.label_dropout);
  if (o.batch > 0) preset.batch_size = o.batch;
  if (o.iterations > 0) preset.n_iters = o.iterations;
  if (o.lr > 0) preset.lr = o.lr;
  preset.ema_tracks = o.ema_tracks;
  const std::size_t part = o.network_batch > 0 ? o.network_batch : preset.batch_size;
  scoresde::require(preset.batch_size % part == 0, "--network-batch is ", part,
                    "; it must divide --batch, which is ", preset.batch_size);
  return preset;
}

/// Adds the decay of the learning rate to the preset of a resumed run, which ends with it: the one
/// of the checkpoint, or with --decay-images one that begins now. Throws Error for a second decay,
/// and for a decay without --resume.
inline void add_decay(const TrainOptions& o, scoresde::nn::Preset& preset) {
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

}  // namespace programs
