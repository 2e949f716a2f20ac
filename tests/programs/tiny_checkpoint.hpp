// SPDX-License-Identifier: MIT
/// Weights of an untrained network with which a program samples in milliseconds.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/registry/metadata.hpp>

#include "support/temporary_folder.hpp"

namespace scoresde::test {

/// A network of images of 8 × 8.
inline nn::UNetConfig tiny_image_network(bool centered = true, std::size_t channels = 3) {
  return {.image_size = 8,
          .num_channels = channels,
          .centered = centered,
          .nf = 8,
          .ch_mult = {1},
          .num_res_blocks = 1,
          .attn_resolutions = {},
          .dropout = 0,
          .init_scale = 1};
}

/// Writes weights of a tiny network, random ones or zeros, with which the network's output is 0,
/// and returns the path of the file.
inline std::string tiny_checkpoint(const TemporaryFolder& folder, const nn::UNetConfig& network,
                                   const Metadata& configuration, bool zeros = false) {
  const nn::Graph graph = nn::unet(network);
  std::vector<float> weights(graph.parameters().size());
  if (!zeros) nn::initialize(graph.parameters(), std::span<float>(weights), 3);
  save_weights(folder / "weights", graph.parameters(), std::span<const float>(weights),
               configuration, 0);
  return (folder / "weights").string();
}
template <class S>
std::string tiny_checkpoint(const TemporaryFolder& folder, const S& sde,
                            const nn::UNetConfig& network = tiny_image_network(),
                            bool zeros = false) {
  return tiny_checkpoint(folder, network, run_configuration(network, sde, TrainingConfiguration{}),
                         zeros);
}

}  // namespace scoresde::test
