// SPDX-License-Identifier: MIT
/// One score network in one process: seconds, GFLOP/s and peak memory of its forward pass or of its
/// training step, as a line of JSON; or a file of one forward and backward pass for another program
/// to compare itself with.
///
///   gflop = 2·multiply_adds·batch·10⁻⁹, three times that for a training step
///
/// A forward pass is one of a sampler: of weights that stay. A training step is what autograd does
/// between zeroed gradients and the optimizer: forward with the preset's dropout, and the gradient
/// of all parameters.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <span>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <sys/resource.h>

#include <scoresde/eigen/core.hpp>
#include <scoresde/eigen/ops.hpp>
#include <scoresde/io/safetensors.hpp>
#include <scoresde/nn/cost.hpp>
#include <scoresde/nn/network.hpp>
#include <scoresde/nn/presets.hpp>
#include <scoresde/nn/unet.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/train/configuration.hpp>

#include "cifar10/program.hpp"

namespace network_step {
namespace {

using namespace scoresde;
using Ops = eigen::Ops<float>;
using nn::Mode;

struct Options {
  std::string preset = "cifar10_small", what = "forward";
  std::size_t batch = 4, threads = 1, nf = 0;
  double seconds = 1;
  std::size_t runs = 3;
  std::uint64_t seed = 1;
  std::filesystem::path export_file;
};

nn::UNetConfig network_of(const Options& options) {
  nn::UNetConfig config = nn::preset(options.preset).network;
  if (options.nf > 0) config.nf = options.nf;
  return config;
}

std::vector<float> normals(std::size_t count, NoiseDraw draw) {
  std::vector<float> z(count);
  fill_normal(z, draw, 0, 0);
  return z;
}

/// Labels spread evenly over what the network is told: noise levels σ, evenly in ln σ, where it
/// embeds their logarithm, and 0 to num_scales − 1 elsewhere.
std::vector<double> labels_of(const nn::UNetConfig& config, std::size_t batch) {
  std::vector<double> labels(batch);
  for (std::size_t k = 0; k < batch; ++k) {
    const double u = (static_cast<double>(k) + 0.5) / static_cast<double>(batch);
    labels[k] = config.embedding_type == "fourier"
                    ? std::exp(std::lerp(std::log(config.sigma_min), std::log(config.sigma_max), u))
                    : u * static_cast<double>(config.num_scales - 1);
  }
  return labels;
}

/// A network with its weights, a batch and the places of its results.
class Step {
 public:
  Step(const Options& options, Mode mode)
      : config_(network_of(options)),
        noise_{.seed = options.seed},
        network_(nn::unet(config_), options.batch, mode, Ops(options.threads)),
        parameters_(network_.parameters().size()),
        gradient_(nn::differentiates(mode) ? parameters_.size() : 0),
        x_(normals(options.batch * network_.input_shape().size(), noise_.draw(0))),
        v_(normals(options.batch * network_.output_shape().size(), noise_.draw(1))),
        y_(v_.size()),
        labels_(labels_of(config_, options.batch)) {
    nn::initialize<float>(network_.parameters(), parameters_, options.seed);
    if (mode == Mode::inference) network_.freeze(parameters_);  // as a sampler does
  }

  /// Moves every trained parameter by 0.03·N(0, 1): as they start, the last convolution of a block
  /// is nearly zero, and an error before it would not be seen.
  void perturb() {
    std::vector<float> z(parameters_.size());
    fill_normal(z, noise_.draw(2), 0, 0);
    for (const nn::Parameter& p : network_.parameters().entries())
      for (std::size_t i = p.offset; p.trainable && i < p.offset + p.size; ++i)
        parameters_[i] += 0.03f * z[i];
  }

  /// One pass; `run` names the masks of its dropout.
  void operator()(std::uint64_t run, std::span<float> dx = {}) {
    const Noise dropout{.seed = noise_.seed, .purpose = Purpose::dropout};
    network_.forward(parameters_, x_, labels_, y_, dropout.draw(run));
    if (gradient_.empty()) return;
    std::fill(gradient_.begin(), gradient_.end(), 0.0f);
    network_.backward(parameters_, v_, gradient_, dx);
  }

  [[nodiscard]] const nn::Network<Ops>& network() const { return network_; }
  [[nodiscard]] io::TensorFile file(std::span<const float> dx) const;

 private:
  nn::UNetConfig config_;
  Noise noise_;
  nn::Network<Ops> network_;
  std::vector<float> parameters_, gradient_, x_, v_, y_;
  std::vector<double> labels_;
};

/// Parameters under their names, x, labels, y, v, dx, and the parameters' gradients of Σ y·v under
/// grad.<name>; the network's settings as in a checkpoint.
io::TensorFile Step::file(std::span<const float> dx) const {
  io::TensorFile file;
  for (const auto& [key, value] : describe(config_)) file.metadata[key] = value;
  for (const nn::Parameter& p : network_.parameters().entries()) {
    const auto part = [&](const std::vector<float>& flat) {
      return std::span<const float>(flat).subspan(p.offset, p.size);
    };
    file.set(p.name, p.shape, part(parameters_));
    file.set("grad." + p.name, p.shape, part(gradient_));
  }
  const auto images = [&](const nn::Shape& s) {
    return std::vector<std::size_t>{labels_.size(), s.c, s.h, s.w};
  };
  file.set("x", images(network_.input_shape()), std::span<const float>(x_));
  file.set("dx", images(network_.input_shape()), dx);
  file.set("y", images(network_.output_shape()), std::span<const float>(y_));
  file.set("v", images(network_.output_shape()), std::span<const float>(v_));
  file.set("labels", {labels_.size()}, std::span<const double>(labels_));
  return file;
}

void write_passes(const Options& options) {
  Step step(options, Mode::differentiation);
  step.perturb();
  std::vector<float> dx(options.batch * step.network().input_shape().size());
  step(0, dx);
  io::write_safetensors(options.export_file, step.file(dx));
}

struct Times {
  std::size_t runs = 0;
  double least = 0, median = 0;
};

/// Seconds of single runs, after one that is not counted: at least `runs` of them, and so many
/// that they take at least `seconds` in all.
template <class F>
Times time_runs(const F& run, double seconds, std::size_t runs) {
  run();
  std::vector<double> times;
  for (double sum = 0; sum < seconds || times.size() < runs; sum += times.back()) {
    const auto begin = std::chrono::steady_clock::now();
    run();
    times.push_back(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  std::sort(times.begin(), times.end());
  const std::size_t n = times.size();
  return {n, times.front(), (times[(n - 1) / 2] + times[n / 2]) / 2};
}

/// The most memory that this process has held so far.
std::size_t peak_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::size_t>(usage.ru_maxrss) * 1024;
}

/// GFLOP/s of Eigen's product of two float matrices of 1024², the best run.
double product_gflops(std::size_t threads) {
  constexpr Eigen::Index n = 1024;
  const Eigen::MatrixXf a = Eigen::MatrixXf::Random(n, n), b = Eigen::MatrixXf::Random(n, n);
  Eigen::MatrixXf c(n, n);
  Eigen::setNbThreads(static_cast<int>(threads));
  const Times times = time_runs([&] { c.noalias() = a * b; }, 0.5, 3);
  return 2e-9 * static_cast<double>(n * n * n) / times.least;
}

nlohmann::ordered_json measure(const Options& options) {
  const bool training = options.what == "training";
  Step step(options, training ? Mode::training : Mode::inference);
  std::uint64_t run = 0;
  const Times times = time_runs([&] { step(run++); }, options.seconds, options.runs);
  const std::size_t peak = peak_bytes();
  const double gflop = 2e-9 * (training ? 3 : 1) * static_cast<double>(options.batch) *
                       static_cast<double>(nn::multiply_adds(step.network().graph()));
  return {{"preset", options.preset},
          {"what", options.what},
          {"batch", options.batch},
          {"threads", options.threads},
          {"runs", times.runs},
          {"least_seconds", times.least},
          {"median_seconds", times.median},
          {"gflop", gflop},
          {"gflops", gflop / times.least},
          {"gemm_gflops", product_gflops(options.threads)},
          {"peak_bytes", peak},
          {"workspace_bytes", step.network().workspace_bytes()}};
}

void add_options(CLI::App& app, Options& o) {
  app.add_option("--preset", o.preset, "Network, one of: " + cifar10::preset_names())
      ->capture_default_str();
  app.add_option("--nf", o.nf, "Channels of the first level (default: the preset's)")
      ->check(cifar10::natural_number(1, 4096));
  app.add_option("--what", o.what, "One pass, or forward and the gradient of all parameters")
      ->capture_default_str()
      ->check(CLI::IsMember({"forward", "training"}));
  app.add_option("--batch", o.batch, "Pictures")
      ->capture_default_str()
      ->check(cifar10::natural_number(1, 4096));
  app.add_option("--threads", o.threads, "Threads, of the matrix product as well")
      ->capture_default_str()
      ->check(cifar10::natural_number(1, 1024));
  app.add_option("--seconds", o.seconds, "Seconds to time at least")
      ->capture_default_str()
      ->check(cifar10::number_from_zero());
  app.add_option("--runs", o.runs, "Runs to time at least")
      ->capture_default_str()
      ->check(cifar10::natural_number(1, 1000000));
  app.add_option("--seed", o.seed, "Of weights, pictures and dropout")
      ->capture_default_str()
      ->check(cifar10::natural_number(0));
  app.add_option("--export", o.export_file,
                 "Time nothing; write a safetensors file of the network's settings and parameters, "
                 "each moved by 0.03 N(0, 1), and of one pass in either direction without dropout: "
                 "x, labels, v, y, dx, grad.<name>");
}

}  // namespace
}  // namespace network_step

int main(int argc, char** argv) {
  network_step::Options options;
  CLI::App app("Seconds, GFLOP/s and memory of one score network, as a line of JSON",
               "network_step");
  network_step::add_options(app, options);
  return cifar10::run_program(app, argc, argv, [&] {
    if (options.export_file.empty())
      std::cout << network_step::measure(options).dump() << std::endl;
    else
      network_step::write_passes(options);
    return 0;
  });
}
