// SPDX-License-Identifier: MIT
/// suggest_sigma_max: how much noise makes every data point reachable from every other.
///
///   σ_max = max_{i,j} ‖x_i − x_j‖₂
///
/// Song & Ermon 2020 (arXiv:2006.09011), technique 1. The points are taken in descending order of
/// their distance r from the mean; ‖x_i − x_j‖ ≤ r_i + r_j ends the search early, so that the n²/2
/// pairs are all computed only where no point stands out. A pair is measured in float and again in
/// double where it might be the largest, so the result is that of double precision.
///
/// CIFAR-10's 50,000 training pictures in [0, 1] give 53.4, every 25th of them 49.2
/// (tests/io/cifar10_test.cpp); the paper takes 50.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>

namespace scoresde {
namespace detail {

/// ‖a − b‖² in float: lanes that any compiler vectorises, added up in double every 64 rounds.
[[nodiscard]] inline double approximate_square_distance(const float* a, const float* b,
                                                        std::size_t dim) {
  constexpr std::size_t lanes = 16, round = 64 * lanes;
  double total = 0;
  std::size_t e = 0;
  while (e + lanes <= dim) {
    std::array<float, lanes> sum{};
    for (const std::size_t end = std::min(dim, e + round); e + lanes <= end; e += lanes)
      for (std::size_t l = 0; l < lanes; ++l) {
        const float difference = a[e + l] - b[e + l];
        sum[l] += difference * difference;
      }
    for (const float lane : sum) total += static_cast<double>(lane);
  }
  for (; e < dim; ++e) total += static_cast<double>((a[e] - b[e]) * (a[e] - b[e]));
  return total;
}

template <class T>
[[nodiscard]] double square_distance(const float* a, const T* b, std::size_t dim) {
  double sum = 0;
  for (std::size_t e = 0; e < dim; ++e) {
    const double difference = static_cast<double>(a[e]) - static_cast<double>(b[e]);
    sum += difference * difference;
  }
  return sum;
}

/// A point and its distance from the mean of all.
struct RadialPoint {
  const float* x = nullptr;
  double radius = 0;
};

/// `points` in descending order of the radius. Throws Error for an entry that is not finite.
[[nodiscard]] inline std::vector<RadialPoint> by_radius(std::vector<RadialPoint> points,
                                                        std::size_t dim) {
  std::vector<double> mean(dim);
  for (std::size_t k = 0; k < points.size(); ++k)
    for (std::size_t e = 0; e < dim; ++e) {
      require(std::isfinite(points[k].x[e]), "suggest_sigma_max: element ", e, " of the point ", k,
              " is ", points[k].x[e], "; data must be finite");
      mean[e] += static_cast<double>(points[k].x[e]) / static_cast<double>(points.size());
    }
  for (RadialPoint& point : points)
    point.radius = std::sqrt(square_distance(point.x, mean.data(), dim));
  std::sort(points.begin(), points.end(),
            [](const RadialPoint& a, const RadialPoint& b) { return a.radius > b.radius; });
  return points;
}

/// The largest squared distance between two of the points given in descending order of the radius.
[[nodiscard]] inline double largest_square_distance(const std::vector<RadialPoint>& points,
                                                    std::size_t dim) {
  constexpr std::size_t block = 8;  // rows that stay in the cache while the others pass
  double largest = 0;
  const auto reaches = [&](const RadialPoint& a, const RadialPoint& b) {
    const double bound = (a.radius + b.radius) * (1 + 1e-9);
    return bound * bound > largest;
  };
  const std::size_t count = points.size();
  for (std::size_t first = 0; first + 1 < count && reaches(points[first], points[first + 1]);
       first += block)
    for (std::size_t j = first + 1; j < count && reaches(points[first], points[j]); ++j)
      for (std::size_t i = first; i < std::min(first + block, j); ++i) {
        const double about = approximate_square_distance(points[i].x, points[j].x, dim);
        // Below 1e-30 squares underflow in float.
        if (about > largest * (1 - 1e-4) || about < 1e-30)
          largest = std::max(largest, square_distance(points[i].x, points[j].x, dim));
      }
  return largest;
}

}  // namespace detail

/// The largest Euclidean distance between two of the points that `data` holds one after another,
/// `dim` floats each: a σ_max for VeSde or KarrasSde in the units of the data. `at_most` > 0 looks
/// at no more than so many points, evenly spread over the list; the distance found can only be
/// smaller then. Throws Error for dim = 0, data that are no whole number of points or fewer than 2,
/// at_most = 1, an entry that is not finite, and points that are all equal.
[[nodiscard]] inline double suggest_sigma_max(std::span<const float> data, std::size_t dim,
                                              std::size_t at_most = 0) {
  detail::require(dim > 0 && data.size() % dim == 0, "suggest_sigma_max: ", data.size(),
                  " values given for points of dimension ", dim, "; a whole number is needed");
  const std::size_t given = data.size() / dim;
  const std::size_t count = at_most == 0 ? given : std::min(given, at_most);
  detail::require(count >= 2, "suggest_sigma_max: ", given, " points given, at_most is ", at_most,
                  "; at least 2 are needed");
  std::vector<detail::RadialPoint> points(count);
  for (std::size_t k = 0; k < count; ++k) points[k].x = data.data() + k * given / count * dim;
  const double largest =
      detail::largest_square_distance(detail::by_radius(std::move(points), dim), dim);
  detail::require(largest > 0, "suggest_sigma_max: all ", count,
                  " points are equal; no noise is needed to join them");
  return std::sqrt(largest);
}

}  // namespace scoresde
