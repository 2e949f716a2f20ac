// SPDX-License-Identifier: MIT
/// Weights of an untrained network with which a program samples in milliseconds.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/nn/networks/unet.hpp>

#include "support/temporary_folder.hpp"

namespace scoresde::test {

/// Writes weights for images of 8 × 8 and returns the path of the file.
template <class S>
std::string tiny_checkpoint(const TemporaryFolder& folder, const S& sde, bool centered = true,
                            std::size_t channels = 3) {
  const nn::UNetConfig network{.image_size = 8,
                               .num_channels = channels,
                               .centered = centered,
                               .nf = 8,
                               .ch_mult = {1},
                               .num_res_blocks = 1,
                               .attn_resolutions = {},
                               .dropout = 0,
                               .init_scale = 1};
  const nn::Graph graph = nn::unet(network);
  std::vector<float> weights(graph.parameters().size());
  nn::initialize(graph.parameters(), std::span<float>(weights), 3);
  const auto configuration = run_configuration(network, sde, TrainingConfiguration{});
  save_weights(folder / "weights", graph.parameters(), std::span<const float>(weights),
               configuration, 0);
  return (folder / "weights").string();
}

}  // namespace scoresde::test
