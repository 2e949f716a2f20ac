// SPDX-License-Identifier: MIT
/// Checks of load_pretrained that hold on every backend.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/checkpoint/pretrained.hpp>
#include <scoresde/loss/denoising_score_matching.hpp>
#include <scoresde/loss/edm_loss.hpp>
#include <scoresde/registry/run_configuration.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/train/training_state.hpp>

#include "support/catch.hpp"
#include "support/small_networks.hpp"
#include "support/small_weights.hpp"
#include "support/temporary_folder.hpp"

namespace scoresde::test {

/// A training checkpoint whose average differs from its parameters; returns the average.
inline std::vector<float> save_training_checkpoint(const std::filesystem::path& path,
                                                   const nn::UNetConfig& config) {
  const nn::Graph graph = nn::unet(config);
  auto state = TrainingState<float>::start(small::parameters<float>(graph, 1));
  for (float& value : state.parameters) value = -value;
  save_checkpoint(path, graph.parameters(), state,
                  run_configuration(config, VpSde{}, TrainingConfiguration{}));
  return state.average;
}

/// A training checkpoint is loaded with its average.
template <nn::ModelOps Ops>
void check_loaded_average(const Ops& ops) {
  const TemporaryFolder folder;
  const nn::UNetConfig config = small::every_path();
  const auto path = folder / "checkpoint.safetensors";
  const auto average = save_training_checkpoint(path, config);
  const PretrainedNetwork<Ops> network(path, {}, ops);
  std::vector<float> found(network.parameters().size());
  network.ops().download(network.parameters().data(), found);
  CHECK(found == average);
  CHECK(network.config() == config);
  CHECK(network.configuration() == read_configuration(path));
}

/// Mode::differentiation gives a vector–Jacobian product.
template <nn::ModelOps Ops>
void check_differentiable(const Ops& ops) {
  const TemporaryFolder folder;
  const auto path =
      small::weights_file<DenoisingScoreMatching>(folder, small::every_path(), VpSde{});
  PretrainedNetwork<Ops> network(path, {.batch = 2, .mode = nn::Mode::differentiation}, ops);
  auto score = network.score(VpSde{});
  const auto normals = small::normals<float>(2 * network.dim(), 4);
  auto v = network.make_state(2), product = network.make_state(2);
  network.ops().upload(normals, Ops::elements(v));
  score.vjp(v, 0.4, v, product);
  std::vector<float> found(normals.size());
  network.ops().download(Ops::elements(std::as_const(product)), found);
  double difference = 0;
  for (std::size_t i = 0; i < found.size(); ++i)
    difference = std::max(difference, std::abs(double(found[i]) - double(normals[i])));
  CHECK(difference > 0.1);
}

/// Files that are not checkpoints of a known network and SDE are rejected.
template <nn::ModelOps Ops>
void check_rejected_files(const Ops& ops) {
  using Catch::Matchers::Contains;
  const TemporaryFolder folder;
  const auto load = [&](const std::filesystem::path& path, PretrainedOptions options = {}) {
    static_cast<void>(load_pretrained(path, options, ops));
  };
  CHECK_THROWS_WITH(load(folder / "none"), Contains("none") && Contains("does not exist"));
  CHECK_THROWS_WITH(load(folder.write("text", "no checkpoint at all")), Contains("text"));
  const nn::UNetConfig config = small::every_path();
  nn::UNetConfig wider = config;
  wider.nf = 8;
  const nn::Graph graph = nn::unet(config);
  const auto weights = small::parameters<float>(graph, 1);
  const auto path = folder / "misshapen";
  save_weights(path, graph.parameters(), std::span<const float>(weights),
               run_configuration(wider, VpSde{}, TrainingConfiguration{}), 0);
  CHECK_THROWS_WITH(load(path), Contains("do not match") && Contains("all_modules.0"));
  CHECK_THROWS_WITH(load(small::weights_file<EdmLoss>(folder, config, VpSde{})),
                    Contains("was trained with the EDM loss under another SDE"));
  const auto fits = small::weights_file<DenoisingScoreMatching>(folder, config, VpSde{});
  CHECK_THROWS_WITH(load(fits, {.batch = 0}), Contains("batch"));
}

}  // namespace scoresde::test
