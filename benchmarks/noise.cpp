// SPDX-License-Identifier: MIT
/// Cost of a normal: fill_normal, std::normal_distribution in the same run, and a Brownian path.
///
/// ns_per_element is the processor time for one float32 normal on one thread.
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include <benchmark/benchmark.h>

#include <scoresde/brownian/path.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/time/time_grid.hpp>

#include "thread_clock.hpp"

namespace {

constexpr std::size_t image = 3 * 32 * 32;

void report(benchmark::State& state, std::size_t elements, double begin) {
  const double done = static_cast<double>(state.iterations()) * static_cast<double>(elements);
  state.counters["ns_per_element"] = (thread_seconds() - begin) * 1e9 / done;
}

void fill_normal_images(benchmark::State& state) {
  const auto batch = static_cast<std::size_t>(state.range(0));
  std::vector<float> z(batch * image);
  std::uint64_t index = 0;
  const double begin = thread_seconds();
  for (auto _ : state) {
    const scoresde::NoiseDraw draw = scoresde::Noise{.seed = 1}.draw(++index);
    for (std::size_t k = 0; k < batch; ++k)
      scoresde::fill_normal({z.data() + k * image, image}, draw, k, 0);
    benchmark::DoNotOptimize(z.data());
    benchmark::ClobberMemory();
  }
  report(state, z.size(), begin);
}

void standard_library_images(benchmark::State& state) {
  std::vector<float> z(static_cast<std::size_t>(state.range(0)) * image);
  std::mt19937_64 engine(1);
  std::normal_distribution<float> normal;
  const double begin = thread_seconds();
  for (auto _ : state) {
    for (float& value : z) value = normal(engine);
    benchmark::DoNotOptimize(z.data());
    benchmark::ClobberMemory();
  }
  report(state, z.size(), begin);
}

/// Points of low dimension: each sample has its own counters.
void fill_normal_flat_points(benchmark::State& state) {
  const auto dim = static_cast<std::size_t>(state.range(0));
  std::vector<float> z(8192 * dim);
  std::uint64_t index = 0;
  const double begin = thread_seconds();
  for (auto _ : state) {
    scoresde::fill_normal_flat(z, scoresde::Noise{.seed = 1}.draw(++index), dim, 0);
    benchmark::DoNotOptimize(z.data());
    benchmark::ClobberMemory();
  }
  report(state, z.size(), begin);
}

/// Philox alone: the four words of a counter, without the normal transform.
void philox_words(benchmark::State& state) {
  std::vector<std::uint32_t> words(image);
  std::uint64_t index = 0;
  const double begin = thread_seconds();
  for (auto _ : state) {
    const scoresde::NoiseDraw draw = scoresde::Noise{.seed = 1}.draw(++index);
    for (std::size_t q = 0; q < image / 4; ++q) {
      const auto block = scoresde::noise_words(draw, 0, static_cast<std::uint32_t>(q));
      for (std::size_t i = 0; i < 4; ++i) words[4 * q + i] = block.word[i];
    }
    benchmark::DoNotOptimize(words.data());
    benchmark::ClobberMemory();
  }
  report(state, words.size(), begin);
}

/// The steps of a run of 100 on one path; `draws` is the mean number of normals per step.
void brownian_path_images(benchmark::State& state) {
  const auto batch = static_cast<std::size_t>(state.range(0));
  const scoresde::VpSde sde;
  const scoresde::TimeGrid grid = scoresde::uniform_grid(sde, 100);
  const scoresde::HostState<float> like({batch, image});
  const scoresde::BrownianPath path(like, scoresde::Noise{.seed = 1}, scoresde::LogSnrClock{sde},
                                    static_cast<int>(state.range(1)));
  std::size_t draws = 0;
  for (const scoresde::TimeStep step : grid)
    draws += path.tree().increment(step.t, step.t_next).terms().size();
  std::uint64_t index = 0;
  const double begin = thread_seconds();
  for (auto _ : state) {
    benchmark::DoNotOptimize(path.draw(index, grid[index % grid.size()]).data());
    benchmark::ClobberMemory();
    ++index;
  }
  report(state, like.size(), begin);
  state.counters["draws"] = static_cast<double>(draws) / static_cast<double>(grid.size());
}

/// The weights alone: the cost of a step that does not depend on the number of elements.
void brownian_tree_increment(benchmark::State& state) {
  const scoresde::VpSde sde;
  const scoresde::TimeGrid grid = scoresde::uniform_grid(sde, 100);
  const scoresde::BrownianTree tree(scoresde::LogSnrClock{sde}, static_cast<int>(state.range(0)));
  std::size_t index = 0;
  for (auto _ : state) {
    const scoresde::TimeStep step = grid[index++ % grid.size()];
    benchmark::DoNotOptimize(tree.increment(step.t, step.t_next));
  }
}

}  // namespace

BENCHMARK(fill_normal_images)->ArgName("batch")->Arg(1)->Arg(64)->Arg(512);
BENCHMARK(standard_library_images)->ArgName("batch")->Arg(1)->Arg(64)->Arg(512);
BENCHMARK(fill_normal_flat_points)->ArgName("dim")->Arg(2)->Arg(8)->Arg(32);
BENCHMARK(philox_words);
BENCHMARK(brownian_path_images)
    ->ArgNames({"batch", "depth"})
    ->ArgsProduct({{1, 64}, {12, 16, 20}})
    ->MinTime(1);
BENCHMARK(brownian_tree_increment)->ArgName("depth")->Arg(20);
