// SPDX-License-Identifier: MIT
/// TrainingState: all mutable state of a run; together with the configuration it determines the
/// rest of the run.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/optim/optimizer.hpp>

namespace scoresde {

/// Flat buffers with the layout of one parameter table, and the number of updates.
template <std::floating_point T>
struct TrainingState {
  std::vector<T> parameters, average, first_moment, second_moment;
  std::vector<std::vector<T>>
      tracks;  ///< additional averages: TrainingConfigurationWith::ema_tracks
  std::uint64_t step = 0;

  /// The state before the first update: averages equal the parameters, moments are zero.
  [[nodiscard]] static TrainingState start(std::vector<T> parameters, std::size_t tracks = 0) {
    TrainingState state;
    state.tracks.assign(tracks, parameters);
    state.first_moment.resize(parameters.size());
    state.second_moment.resize(parameters.size());
    state.average = parameters;
    state.parameters = std::move(parameters);
    return state;
  }

  [[nodiscard]] ParameterBuffers<T> buffers() {
    return {parameters, first_moment, second_moment, average};
  }

  /// Throws Error unless every buffer has `size` scalars and there are `track_count` tracks.
  void check(std::size_t size, std::size_t track_count = 0) const {
    require(parameters.size() == size && average.size() == size && first_moment.size() == size &&
                second_moment.size() == size,
            "training state: parameters, average and moments have ", parameters.size(), ", ",
            average.size(), ", ", first_moment.size(), " and ", second_moment.size(),
            " scalars; the network's buffers have ", size);
    require(tracks.size() == track_count, "training state: there are ", tracks.size(),
            " tracks of averages; there must be ", track_count);
    for (const std::vector<T>& track : tracks)
      require(track.size() == size, "training state: a track of averages has ", track.size(),
              " scalars; the network's buffers have ", size);
  }

  bool operator==(const TrainingState&) const = default;
};

}  // namespace scoresde
