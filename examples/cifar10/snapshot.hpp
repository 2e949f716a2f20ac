// SPDX-License-Identifier: MIT
/// A small grid of samples, to see during training how far the network is.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/corrector/no_corrector.hpp>
#include <scoresde/io/image_grid.hpp>
#include <scoresde/model/score_network.hpp>
#include <scoresde/nn/runtime/network.hpp>
#include <scoresde/predictor/ancestral.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/score/thresholding.hpp>
#include <scoresde/sde/discrete_sde.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/time/log_snr_grid.hpp>
#include <scoresde/time/time_grid.hpp>

namespace cifar10 {

/// The images of a snapshot.
inline constexpr std::size_t snapshot_samples = 16;

/// One of each class, and the first ones again; none where the network is told none.
[[nodiscard]] inline std::vector<std::uint32_t> snapshot_classes(std::size_t classes) {
  std::vector<std::uint32_t> of_samples;
  for (std::uint32_t k = 0; classes > 0 && k < snapshot_samples; ++k)
    of_samples.push_back(k % static_cast<std::uint32_t>(classes));
  return of_samples;
}

template <class S>
[[nodiscard]] scoresde::TimeGrid snapshot_grid(const S& sde, std::size_t steps) {
  if constexpr (std::same_as<S, scoresde::EdmSde>)
    return scoresde::karras_grid(sde, steps);
  else if constexpr (scoresde::DiscreteSde<S>)
    return scoresde::level_grid(
        sde, scoresde::uniform_grid(
                 sde, std::min(steps, scoresde::most_level_steps(sde, sde.t_max(), sde.t_min()))));
  else
    return scoresde::uniform_grid(sde, steps);
}

inline void write_snapshot(const std::filesystem::path& path, bool centered,
                           std::span<const float> samples) {
  const scoresde::io::ImageGrid grid{.columns = 4, .centered = centered};
  scoresde::io::write_image_grid(path, grid, samples);
}

/// Draws 16 images by ancestral steps with clipped denoising, always from the same noise, so that
/// snapshots of a run can be compared; those of a network that is conditioned on classes are one of
/// each, and the first ones again.
template <class Ops, class S, class Convention>
class Snapshot {
 public:
  Snapshot(const scoresde::nn::Graph& graph, S sde, Convention convention, std::size_t steps,
           bool centered, Ops ops)
      : network_(graph, snapshot_samples, scoresde::nn::Mode::inference, std::move(ops)),
        sampler_(sde, scoresde::Ancestral{}, scoresde::NoCorrector{}, snapshot_grid(sde, steps)),
        convention_(std::move(convention)),
        centered_(centered),
        classes_(snapshot_classes(network_.classes())) {}

  /// Samples with these parameters and writes the grid.
  void write(const std::filesystem::path& path, std::span<const float> parameters,
             std::uint64_t seed) {
    using State = scoresde::HostState<float>;
    scoresde::nn::ScoreNetwork<Ops, S, Convention> model(network_, parameters, sampler_.sde(),
                                                         convention_);
    model.set_classes(classes_);
    network_.freeze(parameters);  // until the next snapshot, though training goes on elsewhere
    State x({snapshot_samples, model.dim()});
    scoresde::ClippedDenoiser clipped(model, sampler_.sde(),
                                      scoresde::DataRange{centered_ ? -1.0 : 0.0, 1.0});
    sampler_.sample(clipped, x, scoresde::Noise{.seed = seed});
    write_snapshot(path, centered_, {x.data(), x.size()});
  }

 private:
  scoresde::nn::Network<Ops> network_;
  scoresde::PredictorCorrector<S, scoresde::Ancestral, scoresde::NoCorrector> sampler_;
  Convention convention_;
  bool centered_;
  std::vector<std::uint32_t> classes_;
};

}  // namespace cifar10
