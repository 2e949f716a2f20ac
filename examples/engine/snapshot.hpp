// SPDX-License-Identifier: MIT
/// A small grid of samples that shows the progress of training.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include <scoresde/corrector/no_corrector.hpp>
#include <scoresde/io/image_grid.hpp>
#include <scoresde/predictor/ancestral.hpp>
#include <scoresde/registry/any_sde.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/sde/discrete_sde.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/time/log_snr_grid.hpp>
#include <scoresde/time/time_grid.hpp>

namespace programs {

/// Number of samples in a snapshot.
inline constexpr std::size_t snapshot_samples = 16;

/// One of each class, then the first ones again; empty for an unconditional network.
[[nodiscard]] inline std::vector<std::uint32_t> snapshot_classes(std::size_t classes) {
  std::vector<std::uint32_t> of_samples;
  for (std::uint32_t k = 0; classes > 0 && k < snapshot_samples; ++k)
    of_samples.push_back(k % static_cast<std::uint32_t>(classes));
  return of_samples;
}

[[nodiscard]] inline scoresde::TimeGrid snapshot_grid(const scoresde::AnySde& any,
                                                      std::size_t steps) {
  if (any.is<scoresde::EdmSde>()) return scoresde::karras_grid(any, steps);
  return any.visit([steps]<class S>(const S& sde) {
    if constexpr (scoresde::DiscreteSde<S>)
      return scoresde::level_grid(
          sde, scoresde::uniform_grid(sde, std::min(steps, scoresde::most_level_steps(
                                                               sde, sde.t_max(), sde.t_min()))));
    else
      return scoresde::uniform_grid(sde, steps);
  });
}

/// The sampler of snapshots: ancestral steps.
using SnapshotSampler =
    scoresde::PredictorCorrector<scoresde::AnySde, scoresde::Ancestral, scoresde::NoCorrector>;
[[nodiscard]] inline SnapshotSampler snapshot_sampler(const scoresde::AnySde& sde,
                                                      std::size_t steps) {
  return SnapshotSampler(sde, scoresde::Ancestral{}, scoresde::NoCorrector{},
                         snapshot_grid(sde, steps));
}

inline void write_snapshot(const std::filesystem::path& path, bool centered,
                           std::span<const float> samples) {
  const scoresde::io::ImageGrid grid{.columns = 4, .centered = centered};
  scoresde::io::write_image_grid(path, grid, samples);
}

}  // namespace programs
