// SPDX-License-Identifier: MIT
/// Memory of a training run on the CPU, from the plan of the network's activations.
#pragma once

#include <bit>
#include <cstddef>

#include <scoresde/nn/runtime/network.hpp>
#include <scoresde/registry/preset_training.hpp>
#include <scoresde/train/training_rules.hpp>

#include "cli/resource_check.hpp"
#include "cli/train_options.hpp"
#include "engine/held_out.hpp"
#include "engine/host_network.hpp"
#include "engine/snapshot.hpp"
#include "engine/training_data.hpp"

namespace programs {

/// Bytes of a training run: the workspace of the network; weights, average, tracks, two moments and
/// gradient; two further copies of that state and one buffer while a checkpoint is written; with
/// held-out losses, their network and the test images; the data set; and a batch of images, plus
/// two copies of the part in a forward and backward pass for the loss. On several ranks, those of
/// one.
template <class Ops>
[[nodiscard]] double training_memory(const TrainOptions& options,
                                     const scoresde::nn::Preset& preset, const Ops& ops) {
  const auto graph = scoresde::graph_of(preset);
  const std::size_t part = network_batch_of(options, preset);
  const auto parameters = static_cast<double>(graph.parameters().size());
  const auto image = static_cast<double>(graph.shape(graph.input()).size());
  using scoresde::nn::Mode;
  double bytes =
      static_cast<double>(scoresde::nn::workspace_bytes(graph, part, Mode::training, ops));
  if (options.snapshot_every > 0)
    bytes += static_cast<double>(
        scoresde::nn::workspace_bytes(graph, snapshot_samples, Mode::inference, ops));
  const auto tracks = static_cast<double>(preset.ema_tracks.size() + preset.ema_rates.size());
  const std::size_t ranks = options.ranks->size();
  const auto gradients =
      static_cast<double>(std::bit_width(scoresde::shards_of_rank(options.gradient_shards, ranks)));
  bytes += float_bytes((4 + gradients + 4 + 4 + 1 + 3 * tracks) * parameters);
  if (options.weights_every > 0 || options.held_out) {
    constexpr std::size_t test_images = 10000;
    bytes += static_cast<double>(
        scoresde::nn::workspace_bytes(graph, held_out_batch, Mode::inference, ops));
    bytes +=
        static_cast<double>(test_images) * image +
        float_bytes(static_cast<double>(std::min(options.held_out_images, test_images)) * image);
  }
  bytes += static_cast<double>(shape_of_data(options.data).bytes_in_memory);
  bytes +=
      float_bytes((static_cast<double>(preset.batch_size / ranks) + 3.0 * double(part)) * image);
  return bytes;
}

/// Throws Error if a training run on the CPU needs more memory than it may take.
inline void require_training_memory(const TrainOptions& options,
                                    const scoresde::nn::Preset& preset) {
  require_memory(
      training_memory(options, preset, HostOps()), options.backend.memory_limit,
      scoresde::text("a smaller --network-batch than ", network_batch_of(options, preset),
                     ", or a smaller --batch, needs less"));
}

}  // namespace programs
