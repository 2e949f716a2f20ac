// SPDX-License-Identifier: MIT
/// suggest_sigma_max: the largest distance between two data points, as a value for σ_max.
///
///   σ_max = max_{i,j} ‖x_i − x_j‖₂
///
/// Song & Ermon 2020 (arXiv:2006.09011), technique 1. Points are visited in descending order of
/// their distance r from the mean, and ‖x_i − x_j‖ ≤ r_i + r_j ends the search early, so all n²/2
/// pairs are computed only if no point stands out. Distances are computed in float and, if a pair
/// may be the largest, again in double; the result has double precision.
///
/// The 50,000 training images of CIFAR-10 in [0, 1] give 53.4, every 25th of them 49.2
/// (tests/data/cifar10_test.cpp); the paper uses 50.
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

/// ‖a − b‖² in float, with lanes that compilers vectorize, accumulated in double every 64
/// iterations.
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

/// A point and its distance from the mean of all points.
struct RadialPoint {
  const float* x = nullptr;
  double radius = 0;
};

/// `points` in descending order of radius. Throws Error for a non-finite entry.
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

/// The largest squared distance between two of the points, given in descending order of radius.
[[nodiscard]] inline double largest_square_distance(const std::vector<RadialPoint>& points,
                                                    std::size_t dim) {
  constexpr std::size_t block = 8;  // rows that stay in cache while the others are streamed
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
        // Below 1e-30, single squares may underflow in float.
        if (about > largest * (1 - 1e-4) || about < 1e-30)
          largest = std::max(largest, square_distance(points[i].x, points[j].x, dim));
      }
  return largest;
}

}  // namespace detail

/// The largest Euclidean distance between two of the points stored contiguously in `data`, `dim`
/// floats each: a σ_max for VeSde or EdmSde in the units of the data. If `at_most` > 0, at most
/// that many points, evenly spaced in the list, are used, which can only reduce the result. Throws
/// Error for dim = 0, a data size that is not a multiple of dim, fewer than 2 points, at_most = 1,
/// a non-finite entry, or points that are all equal.
[[nodiscard]] inline double suggest_sigma_max(std::span<const float> data, std::size_t dim,
                                              std::size_t at_most = 0) {
  require(dim > 0 && data.size() % dim == 0, "suggest_sigma_max: ", data.size(),
          " values given for points of dimension ", dim, "; the count must be a multiple of it");
  const std::size_t given = data.size() / dim;
  const std::size_t count = at_most == 0 ? given : std::min(given, at_most);
  require(count >= 2, "suggest_sigma_max: ", given, " points given and at_most is ", at_most,
          "; at least 2 are needed");
  std::vector<detail::RadialPoint> points(count);
  for (std::size_t k = 0; k < count; ++k) points[k].x = data.data() + k * given / count * dim;
  const double largest =
      detail::largest_square_distance(detail::by_radius(std::move(points), dim), dim);
  require(largest > 0, "suggest_sigma_max: all ", count,
          " points are equal; at least two must differ");
  return std::sqrt(largest);
}

}  // namespace scoresde
