// SPDX-License-Identifier: MIT
/// float16 snapshots of the weights during a run, from which averages of other profiles can be
/// computed after the run.
///
/// Two power-function averages at several times approximately span the averages of all other
/// widths; the coefficients are a least-squares fit of profiles (Karras et al. 2024,
/// arXiv:2312.02696, section 3.2). The fit, in weight_export.hpp, uses the weights, and step and γ
/// from the metadata, of each file.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/nn/graph/parameters.hpp>
#include <scoresde/nn/networks/unet_config.hpp>
#include <scoresde/optim/ema.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/settings.hpp>
#include <scoresde/train/training_state.hpp>

namespace programs {

/// One set of weights of a run.
struct NamedWeights {
  std::string name;  ///< "raw", "ema", or "ema_0.05" for the track of σ_rel 0.05
  std::span<const float> weights;
  scoresde::Metadata metadata;  ///< metadata of the file
};

/// The current weights, then the tracks of averages, or the average if there are no tracks. Refers
/// to the state.
[[nodiscard]] inline std::vector<NamedWeights> named_weights(
    const scoresde::TrainingState<float>& state,
    const std::vector<scoresde::ExponentialMovingAverage>& tracks) {
  using scoresde::number_text;
  std::vector<NamedWeights> all{{"raw", state.parameters, {{"snapshot.average", "none"}}}};
  if (state.tracks.empty())
    all.push_back({"ema", state.average, {{"snapshot.average", "training.ema"}}});
  for (std::size_t j = 0; j < state.tracks.size(); ++j) {
    const double gamma = tracks[j].gamma;
    const double sigma_rel = scoresde::ema_sigma_rel(gamma);
    char name[32];
    std::snprintf(name, sizeof name, "ema_%.4g", sigma_rel);
    all.push_back({name,
                   state.tracks[j],
                   {{"snapshot.average", "power"},
                    {"snapshot.gamma", number_text(gamma)},
                    {"snapshot.sigma_rel", number_text(sigma_rel)}}});
  }
  return all;
}

/// Writes weights_<images>_<name>.safetensors for each, a weights file that cifar10_sample reads.
inline void write_weight_snapshots(const std::filesystem::path& folder,
                                   const scoresde::nn::ParameterTable& table,
                                   const std::vector<NamedWeights>& all,
                                   const scoresde::Metadata& configuration, std::uint64_t step,
                                   std::uint64_t images) {
  char number[24];
  std::snprintf(number, sizeof number, "%010llu", static_cast<unsigned long long>(images));
  for (const NamedWeights& one : all) {
    scoresde::Metadata metadata = configuration;
    metadata.insert(one.metadata.begin(), one.metadata.end());
    metadata["snapshot.images"] = std::to_string(images);
    scoresde::save_weights<float, scoresde::io::Half>(
        folder / scoresde::text("weights_", number, "_", one.name, ".safetensors"), table,
        one.weights, metadata, step);
  }
}

}  // namespace programs
