// SPDX-License-Identifier: MIT
/// Snapshots on the CPU.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/model/score_network.hpp>
#include <scoresde/nn/graph/graph.hpp>
#include <scoresde/nn/runtime/network.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/score/thresholding.hpp>
#include <scoresde/state/host_state.hpp>

#include "engine/host_network.hpp"
#include "engine/snapshot.hpp"

namespace programs {

/// 16 samples by ancestral steps with clipped denoising, always from the same noise, so that
/// snapshots of a run can be compared; for a class-conditional network one of each class, then the
/// first classes again.
class HostSnapshot {
 public:
  HostSnapshot(const scoresde::nn::Graph& graph, const scoresde::AnySde& sde, std::size_t steps,
               bool centered, HostOps ops)
      : network_(graph, snapshot_samples, scoresde::nn::Mode::inference, std::move(ops)),
        sampler_(snapshot_sampler(sde, steps)),
        centered_(centered),
        classes_(snapshot_classes(network_.classes())) {}

  /// Samples with these parameters and writes the grid.
  template <class S, class Convention>
  void write(const std::filesystem::path& path, std::span<const float> parameters, const S& sde,
             const Convention& convention, std::uint64_t seed) {
    HostScore model(
        scoresde::nn::ScoreNetwork<HostOps, S, Convention>(network_, parameters, sde, convention));
    network_.freeze(parameters);  // valid until the next snapshot; training uses another network
    write(path, model, seed);
  }

 private:
  void write(const std::filesystem::path& path, HostScore& model, std::uint64_t seed) {
    model.set_classes(classes_);
    scoresde::HostState<float> x({snapshot_samples, network_.input_shape().size()});
    scoresde::ClippedDenoiser clipped(model, sampler_.sde(),
                                      scoresde::DataRange{centered_ ? -1.0 : 0.0, 1.0});
    sampler_.sample(clipped, x, scoresde::Noise{.seed = seed});
    write_snapshot(path, centered_, {x.data(), x.size()});
  }

  scoresde::nn::Network<HostOps> network_;
  SnapshotSampler sampler_;
  bool centered_;
  std::vector<std::uint32_t> classes_;
};

}  // namespace programs
