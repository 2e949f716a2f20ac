// SPDX-License-Identifier: MIT
/// Features of the Inception network on the CPU: seconds per pass over some images, CPU seconds of
/// all threads, GFLOP/s and peak memory, as a line of JSON.
///
///   gflop = 2·multiply_adds·images·10⁻⁹
///
/// Weights are random unless a file is given. --export writes the weights as a state_dict, the
/// images and their features for peers/torch_inception.py, which repeats the pass.
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <filesystem>
#include <iostream>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>
#include <sys/resource.h>

#include <scoresde/checkpoint/pretrained_inception.hpp>
#include <scoresde/eigen/ops.hpp>
#include <scoresde/io/safetensors.hpp>
#include <scoresde/nn/runtime/cost.hpp>
#include <scoresde/noise/noise.hpp>

#include "cli/command_line.hpp"
#include "times.hpp"

namespace {

using namespace scoresde;
using Ops = eigen::Ops<float>;

struct Options {
  std::filesystem::path weights, export_file;
  std::size_t images = 256, batch = PretrainedInceptionOptions{}.batch, threads = 1, runs = 1;
};

/// Uniform values around `center`.
std::vector<float> uniform_values(std::size_t count, std::uint64_t draw, double center,
                                  double bound) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto words = noise_words(Noise{.seed = 1}.draw(draw), 0, static_cast<std::uint32_t>(i));
    values[i] = static_cast<float>(center + bound * (2 * uniform(words.word[0]) - 1));
  }
  return values;
}

/// A state_dict whose activations keep their scale.
InceptionWeights random_weights() {
  const nn::Graph graph = nn::inception({.outputs = {nn::InceptionOutput::logits}});
  InceptionWeights weights{{}, "random", ""};
  std::uint64_t draw = 0;
  const auto set = [&](const std::string& name, const std::vector<std::size_t>& shape,
                       double center, double bound) {
    std::size_t count = 1;
    for (const std::size_t extent : shape) count *= extent;
    weights.tensors.set<float>(name, shape, uniform_values(count, draw++, center, bound));
  };
  for (const nn::Parameter& p : graph.parameters().entries()) {
    const double bound = std::sqrt(6 * double(p.shape[0]) / double(p.size));
    if (p.name.starts_with("fc.")) set(p.name, p.shape, 0, bound);
    if (p.shape.size() != 4) continue;
    const std::string module = p.name.substr(0, p.name.rfind('.'));
    set(module + ".conv.weight", p.shape, 0, bound);
    set(module + ".bn.weight", {p.shape[0]}, 1, 0.25);
    set(module + ".bn.bias", {p.shape[0]}, 0, 0.25);
    set(module + ".bn.running_mean", {p.shape[0]}, 0, 0.25);
    set(module + ".bn.running_var", {p.shape[0]}, 1, 0.5);
  }
  return weights;
}

/// The weights, the images and their features.
void write_export(const Options& options, InceptionWeights weights,
                  const std::vector<std::uint8_t>& images, const std::vector<float>& features) {
  const std::size_t n = options.images;
  weights.tensors.set<std::uint8_t>("images", {n, 3, 32, 32}, images);
  weights.tensors.set<float>("features", {n, features.size() / n}, features);
  io::write_safetensors(options.export_file, weights.tensors);
}

nlohmann::ordered_json measure(const Options& options) {
  InceptionWeights weights =
      options.weights.empty() ? random_weights() : read_inception_weights(options.weights);
  const nn::InceptionConfig config{.convention = nn::InceptionConvention::pytorch_fid};
  PretrainedInception<Ops> inception(weights, {options.batch, config}, Ops(options.threads));
  std::vector<std::uint8_t> images(options.images * inception.image_size());
  for (std::size_t i = 0; i < images.size(); ++i)
    images[i] = static_cast<std::uint8_t>((i * 2654435761u) >> 24);
  std::vector<float> features(options.images * inception.dimension());
  const auto first = std::span(images).first(inception.image_size());
  inception.features(first, std::span(features).first(inception.dimension()));
  std::vector<double> times;
  const std::clock_t before = std::clock();
  for (std::size_t run = 0; run < options.runs; ++run) {
    const auto begin = std::chrono::steady_clock::now();
    inception.features(images, features);
    times.push_back(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  const double cpu = double(std::clock() - before) / double(CLOCKS_PER_SEC * options.runs);
  const Times found = summary(std::move(times));
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  if (!options.export_file.empty()) write_export(options, std::move(weights), images, features);
  const double gflop = 2e-9 * double(nn::multiply_adds(inception.network().graph())) *
                       static_cast<double>(options.images);
  return {{"images", options.images},
          {"batch", options.batch},
          {"threads", options.threads},
          {"runs", found.runs},
          {"least_seconds", found.least},
          {"median_seconds", found.median},
          {"cpu_seconds", cpu},
          {"gflops", gflop / found.least},
          {"workspace_bytes", inception.network().workspace_bytes()},
          {"peak_bytes", static_cast<std::size_t>(usage.ru_maxrss) * 1024}};
}

void add_options(programs::CommandLine& line, Options& o) {
  line.add_option("--weights", o.weights, "State_dict of the network (default: random)");
  const auto count = [&](const char* name, std::size_t& value, const char* text) {
    line.add_option(name, value, text).shows_default().check(programs::natural_number(1, 1 << 20));
  };
  count("--images", o.images, "Images of 32 x 32 pixels");
  count("--batch", o.batch, "Images per pass");
  count("--threads", o.threads, "Threads");
  count("--runs", o.runs, "Passes over the images");
  line.add_option("--export", o.export_file,
                  "Also write a safetensors file of the weights, the images and their features");
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  programs::CommandLine line("inception", "Speed of Inception features, as a line of JSON");
  add_options(line, options);
  return line.run(argc, argv, [&] {
    std::cout << measure(options).dump() << std::endl;
    return 0;
  });
}
