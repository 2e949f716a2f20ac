// SPDX-License-Identifier: MIT
/// Log-likelihoods of one batch under a checkpoint, by the probability-flow ODE with scipy's RK45
/// and one Rademacher probe: seconds, evaluations and peak memory, as a line of JSON.
///
/// The points are smooth images with uniform noise of one of 256 levels. --export writes them, the
/// probe, the network and its SDE for peers/torch_likelihood.py, which repeats the solve. Passes of
/// the network are counted where they are called, for all images of a batch together.
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <numbers>
#include <span>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>
#include <sys/resource.h>

#include <scoresde/checkpoint/pretrained.hpp>
#include <scoresde/eigen/ops.hpp>
#include <scoresde/io/safetensors.hpp>
#include <scoresde/likelihood/probability_flow_likelihood.hpp>
#include <scoresde/state/host_state.hpp>

#include "cli/command_line.hpp"

namespace {

using namespace scoresde;
using Ops = eigen::Ops<float>;
using X = HostState<float>;

struct Options {
  std::filesystem::path checkpoint, export_file;
  std::size_t batch = 4, threads = 1;
  double eps = 1e-3, tolerance = 1e-5;
  std::uint64_t seed = 1;
};

/// Counts the passes of a network.
struct Counted {
  PretrainedScore<Ops>& model;
  std::size_t forward = 0, backward = 0;

  [[nodiscard]] ScoreForm score_form(double t) const { return model.score_form(t); }
  void evaluate(const X& x, double t, X& output) {
    ++forward;
    model.evaluate(x, t, output);
  }
  void vjp(const X& x, double t, const X& v, X& out) {
    ++forward, ++backward;
    model.vjp(x, t, v, out);
  }
  void evaluate_with_vjp(const X& x, double t, const X& v, X& output, X& out) {
    ++forward, ++backward;
    model.evaluate_with_vjp(x, t, v, output, out);
  }
};

/// Plane waves of a few periods in [−1, 1], dequantized.
X smooth_images(const Options& o, nn::Shape shape) {
  X x({o.batch, shape.size()});
  const Noise noise{.seed = o.seed};
  for (std::size_t k = 0; k < o.batch; ++k)
    for (std::size_t e = 0; e < shape.size(); ++e) {
      const std::size_t pixel = e % (shape.h * shape.w), channel = e / (shape.h * shape.w);
      const double row = static_cast<double>(pixel / shape.w) / static_cast<double>(shape.h);
      const double column = static_cast<double>(pixel % shape.w) / static_cast<double>(shape.w);
      const double wave =
          std::cos(2 * std::numbers::pi *
                   (static_cast<double>(1 + k % 3) * row + static_cast<double>(1 + k % 2) * column +
                    0.1 * static_cast<double>(channel)));
      const double level = std::floor(127.5 + 100 * wave);
      x(k, e) = static_cast<float>(2 * (level + uniform(noise.draw(0), k, e)) / 256 - 1);
    }
  return x;
}

/// The file that the peer repeats.
void write_run(const Options& o, PretrainedScore<Ops>& model, const X& x, const X& probe) {
  io::TensorFile file;
  file.metadata = model.configuration();
  for (const auto& [key, value] : describe(model.config())) file.metadata[key] = value;
  for (const nn::Parameter& p : model.network().parameters().entries())
    file.set(p.name, p.shape, model.parameters().subspan(p.offset, p.size));
  const nn::Shape s = model.network().input_shape();
  for (const auto& [name, state] : {std::pair{"x", &x}, std::pair{"probe", &probe}})
    file.set(name, {o.batch, s.c, s.h, s.w}, std::span<const float>(state->data(), state->size()));
  io::write_safetensors(o.export_file, file);
}

nlohmann::ordered_json measure(const Options& o) {
  auto model = load_pretrained(o.checkpoint, {.batch = o.batch, .mode = nn::Mode::differentiation},
                               Ops(o.threads));
  const X x = smooth_images(o, model.network().input_shape());
  const Noise noise{.seed = o.seed};
  if (!o.export_file.empty()) {
    X probe(x.extents());
    draw_probe(probe, ProbeDistribution::rademacher,
               Noise{.seed = o.seed, .purpose = Purpose::probe}.draw(0));
    write_run(o, model, x, probe);
  }
  const ProbabilityFlowLikelihood likelihood{model.sde(), scipy_rk45(o.tolerance, o.tolerance),
                                             HutchinsonTrace{},
                                             TimeStep{o.eps, model.sde().t_max()}};
  X z = x, warm = x;
  model.evaluate(x, o.eps, warm);
  Counted counted{model};
  const auto begin = std::chrono::steady_clock::now();
  const LogLikelihood found = likelihood.log_likelihood(counted, z, noise);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return {{"batch", o.batch},
          {"threads", o.threads},
          {"tolerance", o.tolerance},
          {"seconds", seconds},
          {"nfe", found.statistics.nfe},
          {"forward", counted.forward},
          {"backward", counted.backward},
          {"log_p", found.log_p},
          {"peak_bytes", static_cast<std::size_t>(usage.ru_maxrss) * 1024}};
}

void add_options(programs::CommandLine& line, Options& o) {
  line.add_option("--checkpoint", o.checkpoint, "Network of a VP SDE in continuous time")
      .required();
  line.add_option("--batch", o.batch, "Images")
      .shows_default()
      .check(programs::natural_number(1, 4096));
  line.add_option("--threads", o.threads, "Threads")
      .shows_default()
      .check(programs::natural_number(1, 1024));
  line.add_option("--eps", o.eps, "Time at which the ODE begins")
      .shows_default()
      .check(programs::positive_number());
  line.add_option("--tolerance", o.tolerance, "Relative and absolute tolerance")
      .shows_default()
      .check(programs::positive_number());
  line.add_option("--seed", o.seed, "Seed of the images' noise and of the probe")
      .shows_default()
      .check(programs::natural_number(0));
  line.add_option("--export", o.export_file,
                  "Also write a safetensors file of the network, x and the probe");
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  programs::CommandLine line("likelihood",
                             "Seconds and evaluations of log-likelihoods, as a line of JSON");
  add_options(line, options);
  return line.run(argc, argv, [&] {
    std::cout << measure(options).dump() << std::endl;
    return 0;
  });
}
