// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

#include <scoresde/noise/noise.hpp>
#include <scoresde/noise/normal.hpp>

#include "support/catch.hpp"

using namespace scoresde;

namespace {

/// 2²⁰ normals of a fixed seed: 64 samples of 16384 elements.
const std::vector<float>& million() {
  static const std::vector<float> values = [] {
    constexpr std::size_t samples = 64, dim = 16384;
    std::vector<float> z(samples * dim);
    for (std::size_t k = 0; k < samples; ++k)
      fill_normal({z.data() + k * dim, dim}, Noise{.seed = 11}.draw(1), k, 0);
    return z;
  }();
  return values;
}

double mean_of(const auto& f) {
  double sum = 0;
  for (const float z : million()) sum += f(static_cast<double>(z));
  return sum / static_cast<double>(million().size());
}

/// P(Z ≤ z).
double normal_cdf(double z) { return 0.5 * std::erfc(-z / std::numbers::sqrt2); }

}  // namespace

TEST_CASE("the logarithm matches double precision on (0, 1]") {
  double worst = 0;
  const std::uint32_t lowest = scoresde::bits_of_float(0x1p-32f),
                      one = scoresde::bits_of_float(1.0f);
  for (std::uint32_t bits = lowest; bits < one; bits += 97) {
    const float u = scoresde::float_from_bits(bits);
    const double exact = std::log(static_cast<double>(u));
    worst = std::max(worst, std::abs((scoresde::natural_log(u) - exact) / exact));
  }
  for (std::uint32_t below = 1; below < 4096; ++below) {
    const float u = scoresde::float_from_bits(one - below);
    const double exact = std::log(static_cast<double>(u));
    worst = std::max(worst, std::abs((scoresde::natural_log(u) - exact) / exact));
  }
  CHECK(worst < 0x1p-22);
  CHECK(scoresde::natural_log(1.0f) == 0);
}

TEST_CASE("the square root matches double precision on [0, 64]") {
  double worst = 0;
  for (std::uint32_t bits = scoresde::bits_of_float(0x1p-40f);
       bits <= scoresde::bits_of_float(64.0f); bits += 89) {
    const float w = scoresde::float_from_bits(bits);
    const double exact = std::sqrt(static_cast<double>(w));
    worst = std::max(worst, std::abs((scoresde::square_root(w) - exact) / exact));
  }
  // Within 1 ulp.
  CHECK(worst < 0x1p-23);
  CHECK(scoresde::square_root(0.0f) == 0);
}

TEST_CASE("cosine and sine match double precision over a full turn") {
  double worst = 0;
  for (std::uint64_t turn = 0; turn < (1ull << 32); turn += 1021) {
    const double theta = static_cast<double>(turn) * 0x1p-31 * std::numbers::pi;
    float cosine = 0, sine = 0;
    scoresde::cos_sin_of_turn(static_cast<std::uint32_t>(turn), cosine, sine);
    worst = std::max({worst, std::abs(cosine - std::cos(theta)), std::abs(sine - std::sin(theta))});
  }
  CHECK(worst < 0x1p-22);
}

TEST_CASE("quarter turns are exact") {
  const float expected[4][2] = {{1, 0}, {0, 1}, {-1, 0}, {0, -1}};
  for (std::uint32_t quarter = 0; quarter < 4; ++quarter) {
    float cosine = 9, sine = 9;
    scoresde::cos_sin_of_turn(quarter << 30, cosine, sine);
    CHECK(cosine == expected[quarter][0]);
    CHECK(sine == expected[quarter][1]);
  }
}

TEST_CASE("extreme words give finite normals of at most 6.67") {
  for (const std::uint32_t b0 : {0u, 1u, 2u, 0x7fffffffu, 0x80000000u, 0xfffffffeu, 0xffffffffu})
    for (const std::uint32_t b1 : {0u, 1u, 0x1fffffffu, 0x20000000u, 0x80000000u, 0xffffffffu}) {
      float z0 = 0, z1 = 0;
      scoresde::box_muller(b0, b1, z0, z1);
      CHECK(std::isfinite(z0));
      CHECK(std::isfinite(z1));
      CHECK(std::hypot(z0, z1) < 6.67f);
    }
}

TEST_CASE("normals match Box-Muller in double") {
  double worst = 0;
  for (std::uint32_t i = 0; i < 100000; ++i) {
    const PhiloxBlock b = philox4x32_10({{i, 0, 0, 0}}, 99);
    float z0 = 0, z1 = 0;
    scoresde::box_muller(b.word[0], b.word[1], z0, z1);
    const double u = (static_cast<double>(b.word[0] >> 1) + 0.5) * 0x1p-31;
    const double radius = std::sqrt(-2 * std::log(u));
    const double theta = static_cast<double>(b.word[1]) * 0x1p-31 * std::numbers::pi;
    // u is rounded to float, which changes ln u by at most 2⁻²⁴ and the radius by 2⁻²⁴/r;
    // logarithm, square root and cosine add 2⁻²² each, relative to r.
    const double bound = 3 * 0x1p-22 * radius + 0x1p-24 / radius;
    worst = std::max({worst, std::abs(z0 - radius * std::cos(theta)) / bound,
                      std::abs(z1 - radius * std::sin(theta)) / bound});
  }
  CHECK(worst < 1);
  CHECK(worst > 0.1);
}

TEST_CASE("the first eight moments of a million normals are those of N(0, 1)") {
  const double n = static_cast<double>(million().size());
  const double expected[] = {0, 1, 0, 3, 0, 15, 0, 105};
  const double variance[] = {1, 2, 15, 96, 945, 10170, 135135, 2016000};
  for (int power = 1; power <= 8; ++power) {
    INFO("moment " << power);
    // Var(zᵖ)/n is the squared standard error; the bound is 4 standard errors.
    CHECK(std::abs(mean_of([&](double z) { return std::pow(z, power); }) - expected[power - 1]) <
          4 * std::sqrt(variance[power - 1] / n));
  }
}

TEST_CASE("the tail counts of a million normals match N(0, 1)") {
  const double n = static_cast<double>(million().size());
  for (const double bound : {0.5, 1.0, 2.0, 3.0, 4.0, 4.5}) {
    const double p = normal_cdf(-bound);
    const double error = 4 * std::sqrt(n * p) + 1;
    CHECK(std::abs(n * mean_of([&](double z) { return z > bound ? 1.0 : 0.0; }) - n * p) < error);
    CHECK(std::abs(n * mean_of([&](double z) { return z < -bound ? 1.0 : 0.0; }) - n * p) < error);
  }
}

TEST_CASE("a million normals pass the Kolmogorov-Smirnov test") {
  std::vector<float> z = million();
  std::sort(z.begin(), z.end());
  const double n = static_cast<double>(z.size());
  double distance = 0;
  for (std::size_t i = 0; i < z.size(); ++i) {
    const double p = normal_cdf(z[i]);
    distance =
        std::max({distance, static_cast<double>(i + 1) / n - p, p - static_cast<double>(i) / n});
  }
  // √n·D exceeds 1.63 for one seed in a hundred; a shift of the mean by 0.005 gives 2.0.
  CHECK(std::sqrt(n) * distance < 1.63);
}

TEST_CASE("lanes, elements, samples and draws are uncorrelated, and so are their squares") {
  constexpr std::size_t dim = 1 << 16;
  const auto draw = [](std::uint64_t index, std::size_t sample) {
    std::vector<float> z(dim);
    fill_normal(z, Noise{.seed = 3}.draw(index), sample, 0);
    return z;
  };
  const auto correlation = [&](const std::vector<float>& a, const std::vector<float>& b,
                               std::size_t shift, bool squares) {
    double sum = 0;
    for (std::size_t e = 0; e + shift < dim; ++e) {
      const double x = a[e + shift], y = b[e];
      sum += squares ? (x * x - 1) * (y * y - 1) / 2 : x * y;
    }
    return sum / dim;
  };
  const auto z = draw(1, 0);
  const double bound = 4.5 / std::sqrt(dim);
  for (const bool squares : {false, true}) {
    for (const std::size_t shift : {1, 2, 3, 4, 5, 8, 256})
      CHECK(std::abs(correlation(z, z, shift, squares)) < bound);
    CHECK(std::abs(correlation(z, draw(1, 1), 0, squares)) < bound);
    CHECK(std::abs(correlation(z, draw(2, 0), 0, squares)) < bound);
    CHECK(std::abs(correlation(z, draw(1ull << 32, 0), 0, squares)) < bound);
  }
}
