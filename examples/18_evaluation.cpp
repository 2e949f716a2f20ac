// SPDX-License-Identifier: MIT
/// Metrics between two sets of features, with error bars and floors.
//! [evaluation]
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <vector>

#include <scoresde/evaluate/frechet_distance.hpp>
#include <scoresde/evaluate/frechet_error.hpp>
#include <scoresde/evaluate/kernel_distance.hpp>
#include <scoresde/evaluate/precision_recall.hpp>
#include <scoresde/evaluate/reference_floor.hpp>
#include <scoresde/noise/noise.hpp>

constexpr std::size_t dim = 8, n = 1000;

// Rows of N(mean, deviation² I).
std::vector<float> normals(std::size_t rows, std::uint64_t seed, float mean, float deviation) {
  std::vector<float> x(rows * dim);
  scoresde::fill_normal(x, scoresde::Noise{.seed = seed}.draw(0), 0, 0);
  for (float& value : x) value = mean + deviation * value;
  return x;
}

int main() {
  const auto data = normals(4 * n, 1, 0, 1), made = normals(n, 2, 0.3f, 0.9f);
  const scoresde::Features<float> real{data, dim, "coordinates"}, samples{made, dim, "coordinates"};

  // Batches of any size: the features need not be in memory.
  scoresde::FeatureStatistics reference(dim, "coordinates");
  for (std::size_t i = 0; i < real.size(); i += 100)
    reference.add(scoresde::Features<float>{real.values.subspan(i * dim, 100 * dim), dim});

  const auto distance = [](const auto& a, const auto& b) {
    return scoresde::frechet_distance(a, b).value;
  };
  const auto moments = reference.moments();
  const double value = distance(scoresde::feature_moments(samples), moments);
  const double error = scoresde::frechet_standard_error(samples, moments);
  const double floor = scoresde::reference_floor(real, n, distance);
  const auto kernel = scoresde::kernel_distance(samples, real);
  const auto shares = scoresde::precision_recall(real, samples);

  std::printf("Fréchet distance %.3f +- %.3f, floor %.3f\n", value, error, floor);
  std::printf("kernel distance  %.3f +- %.3f\n", kernel.value, kernel.standard_error);
  std::printf("precision %.3f, recall %.3f\n", shares.precision.value, shares.recall.value);
  const double exact = dim * (0.3 * 0.3 + 0.1 * 0.1);  // |μ₁ − μ₂|² + |σ₁ − σ₂|²
  return std::abs(value - exact) < 4 * error + floor && kernel.value > 4 * kernel.standard_error
             ? 0
             : 1;
}
//! [evaluation]
