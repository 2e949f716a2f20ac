// SPDX-License-Identifier: MIT
/// The floor of a metric: its value between two disjoint sets of real images of the same number as
/// the samples. No sampler can be expected to score better, and differences below it mean nothing.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/evaluate/features.hpp>
#include <scoresde/evaluate/numpy_random.hpp>

namespace scoresde {

/// Features of chosen images, with the memory that view() is of.
template <std::floating_point T>
struct ChosenFeatures {
  std::vector<T> values;
  std::size_t dim = 0;
  std::string extractor;

  [[nodiscard]] Features<T> view() const { return {values, dim, extractor}; }
};

/// Features of the images of these indices, in this order.
template <std::floating_point T>
[[nodiscard]] ChosenFeatures<T> choose_features(const Features<T>& x,
                                                const std::vector<std::size_t>& images) {
  ChosenFeatures<T> chosen{{}, x.dim, std::string(x.extractor)};
  chosen.values.reserve(images.size() * x.dim);
  for (const std::size_t i : images)
    chosen.values.insert(chosen.values.end(), x.row(i).begin(), x.row(i).end());
  return chosen;
}

/// metric(a, b) of two disjoint random sets of n real images each. Throws Error where there are
/// fewer than 2n, and as the metric does.
template <std::floating_point T, class Metric>
[[nodiscard]] auto reference_floor(const Features<T>& real, std::size_t n, const Metric& metric,
                                   std::uint32_t seed = 2020) {
  require_features("floor", "the real features", real, 2 * n);
  std::vector<std::size_t> first = NumpyRandom(seed).choice(real.size(), 2 * n);
  const std::vector<std::size_t> second(first.begin() + static_cast<std::ptrdiff_t>(n),
                                        first.end());
  first.resize(n);
  const ChosenFeatures<T> a = choose_features(real, first), b = choose_features(real, second);
  return metric(a.view(), b.view());
}

}  // namespace scoresde
