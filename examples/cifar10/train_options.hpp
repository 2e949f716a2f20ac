// SPDX-License-Identifier: MIT
/// What cifar10_train is asked for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include <scoresde/error.hpp>
#include <scoresde/io/cifar10.hpp>
#include <scoresde/nn/presets.hpp>

#include "backend_options.hpp"

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
  std::uint64_t log_every = 50, checkpoint_every = 500, snapshot_every = 2000;
  std::uint64_t keep_every = 50000;  ///< steps between numbered checkpoints; 0: none
  std::size_t keep = 0;              ///< numbered checkpoints that stay; 0: all
  std::size_t snapshot_steps = 100;
  bool resume = false;
  std::filesystem::path export_ema;
  bool overwrite = false;  ///< lets export_ema replace the checkpoint of a run
  BackendOptions backend;
};

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
