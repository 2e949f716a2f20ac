// SPDX-License-Identifier: MIT
/// The standard error of a Fréchet distance by a jackknife over groups of the generated images,
/// with the reference held fixed. Statistics are merged, so features need not be kept.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/evaluate/feature_statistics.hpp>
#include <scoresde/evaluate/features.hpp>
#include <scoresde/evaluate/frechet_distance.hpp>
#include <scoresde/evaluate/standard_error.hpp>

namespace scoresde {

/// Of groups of nearly equal numbers of images; one Fréchet distance per group. Throws Error for
/// fewer than two groups, fewer than two images without one of them, and as frechet_distance does.
[[nodiscard]] inline double frechet_standard_error(std::span<const FeatureStatistics> groups,
                                                   const FeatureMoments& reference) {
  require(groups.size() >= 2, "standard error of the Fréchet distance: ", groups.size(),
          " groups of images; at least 2 are required");
  std::vector<double> without;
  for (std::size_t left_out = 0; left_out < groups.size(); ++left_out) {
    FeatureStatistics rest(groups.front().dim(), groups.front().extractor());
    for (std::size_t g = 0; g < groups.size(); ++g)
      if (g != left_out) rest.merge(groups[g]);
    without.push_back(frechet_distance(rest.moments(), reference).value);
  }
  return jackknife_error(without);
}

/// Of features, divided in order.
template <std::floating_point T>
[[nodiscard]] double frechet_standard_error(const Features<T>& generated,
                                            const FeatureMoments& reference,
                                            std::size_t groups = 10) {
  require_features("standard error of the Fréchet distance", "the generated features", generated,
                   std::max<std::size_t>(groups, 4));
  std::vector<FeatureStatistics> parts;
  for (std::size_t g = 0; g < groups; ++g) {
    const std::size_t begin = generated.size() * g / groups;
    const std::size_t end = generated.size() * (g + 1) / groups;
    parts.emplace_back(generated.dim, std::string(generated.extractor));
    parts.back().add(
        Features<T>{generated.values.subspan(begin * generated.dim, (end - begin) * generated.dim),
                    generated.dim, generated.extractor});
  }
  return frechet_standard_error(std::span<const FeatureStatistics>(parts), reference);
}

}  // namespace scoresde
