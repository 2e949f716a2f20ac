// SPDX-License-Identifier: MIT
/// Memory of a sampling run on the CPU, from the plan of the network's activations.
#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>

#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/nn/runtime/network.hpp>
#include <scoresde/registry/sampler_registry.hpp>

#include "cli/resource_check.hpp"
#include "cli/sample_options.hpp"

namespace programs {

/// Bytes of a sampling run: the workspace of the network in that mode, its weights, the
/// checkpoint's file and tensors during reading, and the states of one batch; finished samples are
/// on disk.
template <class Ops>
[[nodiscard]] double sampling_memory(const SampleOptions& options,
                                     const scoresde::nn::UNetConfig& network, const Ops& ops,
                                     scoresde::nn::Mode mode = scoresde::nn::Mode::inference) {
  const auto graph = scoresde::nn::unet(network);
  const std::size_t batch = std::min(options.batch, options.samples);
  const auto image = static_cast<double>(graph.shape(graph.input()).size());
  constexpr double states_of_all = 6;  // x, the output, scores of guidance, thresholds, the files'
  const auto states =
      states_of_all +
      static_cast<double>(scoresde::sampler_row("--solver", options.sampler.solver).states);
  return static_cast<double>(scoresde::nn::workspace_bytes(
             graph, batch * options.classes.evaluations(), mode, ops)) +
         float_bytes(static_cast<double>(graph.parameters().size())) +
         2 * static_cast<double>(std::filesystem::file_size(options.checkpoint)) +
         float_bytes(states * static_cast<double>(batch) * image);
}

}  // namespace programs
