// SPDX-License-Identifier: MIT
/// Weights of small networks in files.
#pragma once

#include <filesystem>
#include <span>

#include <scoresde/nn/unet.hpp>
#include <scoresde/train/checkpoint.hpp>

#include "io/temporary_folder.hpp"
#include "support/small_networks.hpp"

namespace small {

/// Weights of a network in a file of the folder, as cifar10_train exports them.
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
