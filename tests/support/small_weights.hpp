// SPDX-License-Identifier: MIT
/// Weight files of small networks.
#pragma once

#include <filesystem>
#include <span>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/nn/networks/unet.hpp>

#include "support/small_networks.hpp"
#include "support/temporary_folder.hpp"

namespace small {

/// Writes a network's weights to a file in the directory, in the format exported by cifar10_train.
template <class Loss, class S>
std::filesystem::path weights_file(const scoresde::test::TemporaryFolder& folder,
                                   const scoresde::nn::UNetConfig& config, const S& sde) {
  const scoresde::nn::Graph graph = scoresde::nn::unet(config);
  const auto weights = parameters<float>(graph, 1);
  const auto path = folder / "weights.safetensors";
  scoresde::save_weights(
      path, graph.parameters(), std::span<const float>(weights),
      scoresde::run_configuration(config, sde, scoresde::TrainingConfigurationWith<Loss>{}), 1);
  return path;
}

}  // namespace small
