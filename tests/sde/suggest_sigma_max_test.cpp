// SPDX-License-Identifier: MIT
/// suggest_sigma_max against all pairs in double, for data where the search ends early or late.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <scoresde/noise/noise.hpp>
#include <scoresde/sde/suggest_sigma_max.hpp>
#include <scoresde/state/host_state.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;

namespace {

std::vector<float> normal(std::size_t count, std::size_t dim, std::uint64_t seed) {
  HostState<float> x({count, dim});
  backend(x).assign(x, std::span<const Term<HostState<float>>>(),
                    NoiseTerm{1, Noise{.seed = seed}.draw(0)});
  return {x.data(), x.data() + x.size()};
}

double over_all_pairs(const std::vector<float>& data, std::size_t dim) {
  double largest = 0;
  for (std::size_t i = 0; i < data.size(); i += dim)
    for (std::size_t j = 0; j < i; j += dim) {
      double sum = 0;
      for (std::size_t e = 0; e < dim; ++e)
        sum += std::pow(double(data[i + e]) - double(data[j + e]), 2);
      largest = std::max(largest, sum);
    }
  return std::sqrt(largest);
}

}  // namespace

TEST_CASE("the suggested sigma is the largest distance of all pairs") {
  for (const std::size_t dim : {1, 3, 15, 16, 17, 100, 1100})
    for (const std::size_t count : {2, 3, 9, 150}) {
      INFO("dimension " << dim << ", " << count << " points");
      auto data = normal(count, dim, dim);
      CHECK(suggest_sigma_max(data, dim) == Approx(over_all_pairs(data, dim)).epsilon(1e-13));
      for (std::size_t e = 0; e < dim; ++e) data[e] += 30;  // one outlier
      CHECK(suggest_sigma_max(data, dim) == Approx(over_all_pairs(data, dim)).epsilon(1e-13));
    }
}

TEST_CASE("the largest distance of points on a sphere is found anywhere in the list") {
  constexpr std::size_t count = 20, dim = 30;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    auto data = normal(count, dim, seed);
    for (std::size_t k = 0; k < count; ++k) {
      float square = 0;
      for (std::size_t e = 0; e < dim; ++e) square += data[k * dim + e] * data[k * dim + e];
      for (std::size_t e = 0; e < dim; ++e) data[k * dim + e] /= std::sqrt(square);
    }
    CHECK(suggest_sigma_max(data, dim) == Approx(over_all_pairs(data, dim)).epsilon(1e-13));
  }
}

TEST_CASE("the corners of a cube, equally far from their mean, are compared pairwise") {
  std::vector<float> corners;
  for (int corner = 0; corner < 64; ++corner)
    for (int e = 0; e < 6; ++e) corners.push_back(corner >> e & 1 ? 1 : -1);
  CHECK(suggest_sigma_max(corners, 6) == Approx(2 * std::sqrt(6)).epsilon(1e-14));
}

TEST_CASE("the suggested sigma has double precision at every scale of the data") {
  for (const float scale : {1e-25f, 1e-12f, 1e12f, 1e30f}) {
    auto data = normal(40, 20, 7);
    for (float& value : data) value *= scale;
    CHECK(suggest_sigma_max(data, 20) == Approx(over_all_pairs(data, 20)).epsilon(1e-13).margin(0));
  }
}

TEST_CASE("at_most selects points evenly spaced in the list") {
  const std::vector<float> data{0, 9, 1, 9, 2, 9, 3, 90};
  CHECK(suggest_sigma_max(data, 1) == 90);
  CHECK(suggest_sigma_max(data, 1, 4) == 3);
  CHECK(suggest_sigma_max(data, 1, 100) == 90);
}

TEST_CASE("empty, ragged, non-finite and constant data are rejected") {
  const std::vector<float> data{1, 2, 3, 4, 5, 6};
  CHECK_THROWS_WITH(suggest_sigma_max({}, 3), Contains("0 points"));
  CHECK_THROWS_WITH(suggest_sigma_max(data, 0), Contains("dimension 0"));
  CHECK_THROWS_WITH(suggest_sigma_max(data, 4), Contains("6 values"));
  CHECK_THROWS_WITH(suggest_sigma_max(data, 6), Contains("1 points"));
  CHECK_THROWS_WITH(suggest_sigma_max(data, 2, 1), Contains("at_most is 1"));
  CHECK_THROWS_WITH(suggest_sigma_max(std::vector<float>(6, 0.5f), 2), Contains("equal"));
  for (const float bad : {std::numeric_limits<float>::infinity(), std::nanf("")}) {
    auto broken = data;
    broken[3] = bad;
    CHECK_THROWS_WITH(suggest_sigma_max(broken, 2), Contains("element 1 of the point 1"));
  }
}
