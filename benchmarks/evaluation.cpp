// SPDX-License-Identifier: MIT
/// Metrics of made-up features: images per second, and for products their share of GFLOP/s.
///
/// Statistics (d² operations per image), the Fréchet distance of moments, one subset of the kernel
/// distance, and precision and recall.
#include <cstddef>
#include <cstdint>
#include <vector>

#include <benchmark/benchmark.h>

#include <scoresde/evaluate/feature_statistics.hpp>
#include <scoresde/evaluate/features.hpp>
#include <scoresde/evaluate/frechet_distance.hpp>
#include <scoresde/evaluate/kernel_distance.hpp>
#include <scoresde/evaluate/precision_recall.hpp>
#include <scoresde/noise/noise.hpp>

namespace {

using namespace scoresde;

std::vector<float> normals(std::size_t n, std::size_t dim, std::uint64_t seed) {
  std::vector<float> z(n * dim);
  fill_normal(z, Noise{.seed = seed}.draw(0), 0, 0);
  return z;
}

/// Multiplications and additions per second.
void set_operations(benchmark::State& state, double operations) {
  state.counters["FLOP/s"] = benchmark::Counter(
      operations * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

void statistics(benchmark::State& state) {
  const auto dim = static_cast<std::size_t>(state.range(0));
  constexpr std::size_t images = 512;
  const auto x = normals(images, dim, 1);
  FeatureStatistics all(dim);
  for (auto _ : state) all.add(Features<float>{x, dim});
  set_operations(state, static_cast<double>(images) * static_cast<double>(dim * dim));
}

void distance(benchmark::State& state) {
  const auto dim = static_cast<std::size_t>(state.range(0));
  const auto x = normals(2 * dim, dim, 1), y = normals(2 * dim, dim, 2);
  const auto a = feature_moments(Features<float>{x, dim});
  const auto b = feature_moments(Features<float>{y, dim});
  for (auto _ : state) benchmark::DoNotOptimize(frechet_distance(a, b));
}

void kernel(benchmark::State& state) {
  const auto dim = static_cast<std::size_t>(state.range(0));
  constexpr std::size_t images = 1000;
  const auto x = normals(images, dim, 1), y = normals(images, dim, 2);
  const Features<float> a{x, dim}, b{y, dim};
  for (auto _ : state) benchmark::DoNotOptimize(kernel_distance(a, b));
  set_operations(state, 6.0 * images * images * static_cast<double>(dim));
}

void neighbors(benchmark::State& state) {
  const auto dim = static_cast<std::size_t>(state.range(0));
  constexpr std::size_t images = 1000;
  const auto x = normals(images, dim, 1), y = normals(images, dim, 2);
  const Features<float> a{x, dim}, b{y, dim};
  for (auto _ : state) benchmark::DoNotOptimize(precision_recall(a, b));
  set_operations(state, 6.0 * images * images * static_cast<double>(dim));
}

BENCHMARK(statistics)->ArgName("d")->Arg(64)->Arg(768)->Arg(2048)->UseRealTime();
BENCHMARK(distance)->ArgName("d")->Arg(64)->Arg(768)->Arg(2048)->UseRealTime();
BENCHMARK(kernel)->ArgName("d")->Arg(64)->Arg(2048)->UseRealTime();
BENCHMARK(neighbors)->ArgName("d")->Arg(64)->Arg(2048)->UseRealTime();

}  // namespace
