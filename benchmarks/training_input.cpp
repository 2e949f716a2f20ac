// SPDX-License-Identifier: MIT
/// Minibatches of 64 × 64 images for training: from memory, and from an image pack in the page
/// cache.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>
#include <unistd.h>

#include <scoresde/data/image_set.hpp>
#include <scoresde/data/image_stream.hpp>
#include <scoresde/io/image_pack.hpp>
#include <scoresde/io/image_pack_writer.hpp>
#include <scoresde/noise/noise.hpp>

namespace {

using namespace scoresde;

constexpr std::size_t count = 8192, size = 64, batch = 128;

data::ImageSet noise_images() {
  data::ImageSet images{3, size, size, {}, std::vector<std::uint32_t>(count)};
  const NoiseDraw draw = Noise{.seed = 1, .purpose = Purpose::data}.draw(0);
  for (std::size_t i = 0; i < count * images.dim(); ++i)
    images.pixels.push_back(static_cast<std::uint8_t>(noise_word(draw, 0, i) >> 8));
  return images;
}

const data::SharedImages& in_memory() {
  static const data::SharedImages images(noise_images());
  return images;
}

/// The pack's file has no name any more while it is mapped.
const data::SharedImages& in_pack() {
  static const data::SharedImages images = [] {
    const auto path = std::filesystem::temp_directory_path() /
                      ("scoresde-benchmark-" + std::to_string(::getpid()) + ".pack");
    io::ImagePackWriter writer(path, {3, size, size, 0, {}, ""}, "benchmark");
    const auto pixels = in_memory().view().pixels;
    writer.append({count, {pixels.begin(), pixels.end()}, std::vector<std::uint32_t>(count), {}});
    writer.finish();
    data::SharedImages mapped = io::ImagePack(path).images();
    std::filesystem::remove(path);
    return mapped;
  }();
  return images;
}

void fill(benchmark::State& state, const data::SharedImages& images) {
  data::ImageStream stream(images.view(), {.random_flip = true}, 1);
  std::vector<float> x(batch * images.view().dim());
  std::uint64_t first = 0;
  for (auto _ : state) {
    stream.fill_batch<float>(first, x);
    benchmark::DoNotOptimize(x.data());
    first += batch;
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(batch));
}

void from_memory(benchmark::State& state) { fill(state, in_memory()); }
void from_pack(benchmark::State& state) { fill(state, in_pack()); }
BENCHMARK(from_memory)->Unit(benchmark::kMillisecond);
BENCHMARK(from_pack)->Unit(benchmark::kMillisecond);

}  // namespace
