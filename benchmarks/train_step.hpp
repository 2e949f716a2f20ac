// SPDX-License-Identifier: MIT
/// Options of the benchmark of training steps, and its output for either backend.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <scoresde/data/image_set.hpp>
#include <scoresde/nn/graph/graph.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/nn/runtime/cost.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/registry/preset_training.hpp>
#include <scoresde/registry/presets.hpp>

#include "times.hpp"

namespace train_step {

namespace data = scoresde::data;
namespace nn = scoresde::nn;

struct Options {
  std::string preset = "cifar10_small", backend = "cpu", precision = "bf16";
  std::size_t batch = 4, threads = 1, nf = 0, runs = 3, autotune = 0;
  double seconds = 1;
  std::filesystem::path plan_cache;
};

[[nodiscard]] inline nn::Preset preset_of(const Options& options) {
  nn::Preset preset = nn::preset(options.preset);
  preset.batch_size = options.batch;
  if (options.nf > 0) preset.network.nf = options.nf;
  return preset;
}

/// A data set of one batch, of random bytes around medium gray.
[[nodiscard]] inline data::ImageSet noise_images(const nn::Graph& graph, const Options& options) {
  const nn::Shape shape = graph.shape(graph.input());
  std::vector<float> z(options.batch * shape.size());
  fill_normal(z, scoresde::Noise{.seed = 1}.draw(0), 0, 0);
  data::ImageSet images{shape.c, shape.h, shape.w, {}, std::vector<std::uint32_t>(options.batch)};
  for (const float value : z)
    images.pixels.push_back(
        static_cast<std::uint8_t>(std::clamp(127.5f + 40 * value, 0.0f, 255.0f)));
  return images;
}

[[nodiscard]] inline nlohmann::ordered_json line_of(const Options& options, const nn::Graph& graph,
                                                    const Times& times) {
  const auto batch = static_cast<double>(options.batch);
  const double gflop = 6e-9 * batch * static_cast<double>(nn::multiply_adds(graph));
  return {{"preset", options.preset},
          {"what", "step"},
          {"backend", options.backend},
          {"batch", options.batch},
          {"runs", times.runs},
          {"least_seconds", times.least},
          {"median_seconds", times.median},
          {"images_per_second", batch / times.median},
          {"gflop", gflop},
          {"gflops", gflop / times.median}};
}

/// The result of one measurement on device 0. Throws Error without a device, or without enough
/// memory on it.
[[nodiscard]] nlohmann::ordered_json measure_on_device(const Options& options);

}  // namespace train_step
