// SPDX-License-Identifier: MIT
/// Options of network_step, and the data of its passes in host memory: parameters, one batch, its
/// output and all gradients.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <scoresde/io/safetensors.hpp>
#include <scoresde/nn/graph/graph.hpp>
#include <scoresde/nn/graph/parameters.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/nn/runtime/cost.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/registry/presets.hpp>
#include <scoresde/registry/run_configuration.hpp>

namespace network_step {

struct Options {
  std::string preset = "cifar10_small", what = "forward", backend = "cpu", precision = "bf16";
  std::size_t batch = 4, threads = 1, nf = 0;
  double seconds = 1;
  std::size_t runs = 3, autotune = 0;
  std::uint64_t seed = 1;
  std::filesystem::path export_file, plan_cache;

  [[nodiscard]] bool training() const { return what == "training"; }
};

[[nodiscard]] inline scoresde::nn::UNetConfig network_of(const Options& options) {
  scoresde::nn::UNetConfig config = scoresde::nn::preset(options.preset).network;
  if (options.nf > 0) config.nf = options.nf;
  return config;
}

[[nodiscard]] inline std::vector<float> normals(std::size_t count, scoresde::NoiseDraw draw) {
  std::vector<float> z(count);
  fill_normal(z, draw, 0, 0);
  return z;
}

/// Labels spread evenly over the network's range: noise levels σ, evenly in ln σ, if it embeds
/// their logarithm, otherwise 0 to num_scales − 1.
[[nodiscard]] inline std::vector<double> labels_of(const scoresde::nn::UNetConfig& config,
                                                   std::size_t batch) {
  std::vector<double> labels(batch);
  for (std::size_t k = 0; k < batch; ++k) {
    const double u = (static_cast<double>(k) + 0.5) / static_cast<double>(batch);
    labels[k] = config.embedding_type == scoresde::nn::EmbeddingType::fourier
                    ? std::exp(std::lerp(std::log(config.sigma_min), std::log(config.sigma_max), u))
                    : u * static_cast<double>(config.num_scales - 1);
  }
  return labels;
}

/// A forward pass, y = F(x, labels), and a backward pass: dx and `gradient` are those of Σ y·v.
struct Passes {
  explicit Passes(const Options& options)
      : config(network_of(options)),
        noise{.seed = options.seed},
        graph(scoresde::nn::unet(config)),
        parameters(graph.parameters().size()),
        gradient(parameters.size()),
        x(normals(options.batch * graph.shape(graph.input()).size(), noise.draw(0))),
        v(normals(options.batch * graph.shape(graph.output()).size(), noise.draw(1))),
        y(v.size()),
        dx(x.size()),
        labels(labels_of(config, options.batch)) {
    scoresde::nn::initialize<float>(graph.parameters(), parameters, options.seed);
  }

  /// Moves every trained parameter by 0.03·N(0, 1): at initialization the last convolution of a
  /// block is nearly zero, which would hide an error before it.
  void perturb() {
    const std::vector<float> z = normals(parameters.size(), noise.draw(2));
    for (const scoresde::nn::Parameter& p : graph.parameters().entries())
      for (std::size_t i = p.offset; p.trainable && i < p.offset + p.size; ++i)
        parameters[i] += 0.03f * z[i];
  }

  /// The masks of a training pass.
  [[nodiscard]] scoresde::NoiseDraw dropout(std::uint64_t run) const {
    return scoresde::Noise{.seed = noise.seed, .purpose = scoresde::Purpose::dropout}.draw(run);
  }

  /// 10⁹ operations of a forward pass, a multiply-add counted as two; three times that with the
  /// backward pass.
  [[nodiscard]] double gflop(bool training) const {
    return 2e-9 * (training ? 3 : 1) * static_cast<double>(labels.size()) *
           static_cast<double>(scoresde::nn::multiply_adds(graph));
  }

  /// 10⁹ bytes of a forward pass in which every operation reads its inputs and writes its output
  /// once, in `element` bytes each, and the parameters are read once; three times that with the
  /// backward pass, which reads and writes gradients as well. Fused operations need fewer.
  [[nodiscard]] double gbytes(std::size_t element, bool training) const {
    std::size_t size = 0;
    for (const scoresde::nn::Node& node : graph.nodes()) {
      for (const scoresde::nn::Tensor input : node.inputs) size += graph.shape(input).size();
      size += graph.shape(node.output).size();
    }
    const std::size_t all = labels.size() * size + graph.parameters().count();
    return 1e-9 * (training ? 3 : 1) * static_cast<double>(all * element);
  }

  /// Parameters under their names, x, labels, y, v, dx, and the parameters' gradients of Σ y·v
  /// under grad.<name>; the network's settings as in a checkpoint.
  [[nodiscard]] scoresde::io::TensorFile file() const {
    scoresde::io::TensorFile file;
    for (const auto& [key, value] : scoresde::describe(config)) file.metadata[key] = value;
    for (const scoresde::nn::Parameter& p : graph.parameters().entries()) {
      const auto part = [&](const std::vector<float>& flat) {
        return std::span<const float>(flat).subspan(p.offset, p.size);
      };
      file.set(p.name, p.shape, part(parameters));
      file.set("grad." + p.name, p.shape, part(gradient));
    }
    const auto images = [&](scoresde::nn::Tensor tensor) {
      const scoresde::nn::Shape s = graph.shape(tensor);
      return std::vector<std::size_t>{labels.size(), s.c, s.h, s.w};
    };
    file.set("x", images(graph.input()), std::span<const float>(x));
    file.set("dx", images(graph.input()), std::span<const float>(dx));
    file.set("y", images(graph.output()), std::span<const float>(y));
    file.set("v", images(graph.output()), std::span<const float>(v));
    file.set("labels", {labels.size()}, std::span<const double>(labels));
    return file;
  }

  scoresde::nn::UNetConfig config;
  scoresde::Noise noise;
  scoresde::nn::Graph graph;
  std::vector<float> parameters, gradient, x, v, y, dx;
  std::vector<double> labels;
};

/// The result of one measurement on device 0, with the keys of the CPU's and the ceilings of the
/// device. Throws Error without a device, or without enough memory on it.
[[nodiscard]] nlohmann::ordered_json measure_on_device(const Options& options);

/// Computes y, dx and gradient of the passes on the device, without dropout.
void run_on_device(const Options& options, Passes& passes);

}  // namespace network_step
