// SPDX-License-Identifier: MIT
/// Features of known distributions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <scoresde/evaluate/features.hpp>
#include <scoresde/noise/noise.hpp>

namespace made_up {

struct Set {
  std::vector<double> values;
  std::size_t dim = 0;
  std::string extractor;

  [[nodiscard]] scoresde::Features<double> view() const { return {values, dim, extractor}; }
};

/// n rows of independent N(mean, deviation²).
inline Set normals(std::size_t n, std::size_t dim, std::uint64_t seed, double mean = 0,
                   double deviation = 1) {
  Set set{std::vector<double>(n * dim), dim, "made up"};
  std::vector<float> z(n * dim);
  scoresde::fill_normal(z, scoresde::Noise{.seed = seed}.draw(0), 0, 0);
  for (std::size_t i = 0; i < z.size(); ++i)
    set.values[i] = mean + deviation * static_cast<double>(z[i]);
  return set;
}

}  // namespace made_up
