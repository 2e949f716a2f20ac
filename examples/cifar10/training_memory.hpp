// SPDX-License-Identifier: MIT
/// Memory that a training run takes on the CPU, from the plan of the network's activations.
#pragma once

#include <cstddef>

#include <scoresde/nn/network.hpp>
#include <scoresde/nn/unet.hpp>

#include "resource_check.hpp"
#include "snapshot.hpp"
#include "train_options.hpp"

namespace cifar10 {

/// Bytes of a training run: the workspace of the network; weights, average, two moments and
/// gradient; while a checkpoint is written, that state twice more; the data set; and a batch of
/// images, of which the loss keeps two more for each part that is differentiated.
template <class Ops>
[[nodiscard]] double training_memory(const TrainOptions& options,
                                     const scoresde::nn::Preset& preset, const Ops& ops) {
  const auto graph = scoresde::nn::unet(preset.network);
  const std::size_t part = options.network_batch > 0 ? options.network_batch : preset.batch_size;
  const auto parameters = static_cast<double>(graph.parameters().size());
  const auto image = static_cast<double>(graph.shape(graph.input()).size());
  constexpr double images_of_the_set = 50000;
  using scoresde::nn::Mode;
  double bytes =
      static_cast<double>(scoresde::nn::workspace_bytes(graph, part, Mode::training, ops));
  if (options.snapshot_every > 0)
    bytes += static_cast<double>(
        scoresde::nn::workspace_bytes(graph, snapshot_pictures, Mode::inference, ops));
  bytes += float_bytes((5 + 4 + 4) * parameters);
  bytes += images_of_the_set * image;
  bytes += float_bytes((static_cast<double>(preset.batch_size) + 3.0 * double(part)) * image);
  return bytes;
}

}  // namespace cifar10
