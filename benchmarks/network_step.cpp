// SPDX-License-Identifier: MIT
/// One score network in one process: seconds, GFLOP/s and peak memory of its forward pass or of its
/// training step, as a line of JSON; or a file of one forward and backward pass for comparison with
/// another program.
///
///   gflop = 2·multiply_adds·batch·10⁻⁹, three times that for a training step
///
/// With --backend cuda the passes run on a GPU, timed by its events, as a captured graph and one by
/// one (device/network_step.cpp). A forward pass is that of a sampler, with constant weights. A
/// training step is what autograd does between zeroed gradients and the optimizer: forward with the
/// preset's dropout, and the gradient of all parameters.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <span>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>
#include <sys/resource.h>

#include <scoresde/eigen/detail/core.hpp>
#include <scoresde/eigen/ops.hpp>
#include <scoresde/error.hpp>
#include <scoresde/io/safetensors.hpp>
#include <scoresde/nn/runtime/network.hpp>

#include "cli/command_line.hpp"
#include "cli/preset_names.hpp"
#include "network_passes.hpp"
#include "times.hpp"

namespace network_step {
namespace {

using namespace scoresde;
using Ops = eigen::Ops<float>;
using nn::Mode;

/// A network on the CPU.
class Step {
 public:
  Step(const Options& options, Passes& passes, Mode mode)
      : passes_(passes),
        differentiates_(nn::differentiates(mode)),
        network_(passes.graph, options.batch, mode, Ops(options.threads)) {
    if (mode == Mode::inference) network_.freeze(passes.parameters);  // as a sampler does
  }

  /// A forward pass, or forward and backward; `run` selects the dropout masks.
  void operator()(std::uint64_t run, std::span<float> dx = {}) {
    network_.forward(passes_.parameters, passes_.x, passes_.labels, passes_.y,
                     passes_.dropout(run));
    if (!differentiates_) return;
    std::fill(passes_.gradient.begin(), passes_.gradient.end(), 0.0f);
    network_.backward(passes_.parameters, passes_.v, passes_.gradient, dx);
  }

  [[nodiscard]] const nn::Network<Ops>& network() const { return network_; }

 private:
  Passes& passes_;
  bool differentiates_;
  nn::Network<Ops> network_;
};

#ifdef SCORESDE_WITH_CUDA
constexpr bool with_cuda = true;
#else
constexpr bool with_cuda = false;
#endif

void write_passes(const Options& options) {
  Passes passes(options);
  passes.perturb();
  if (options.backend == "cpu") {
    Step(options, passes, Mode::differentiation)(0, passes.dx);
  } else {
    if constexpr (with_cuda) run_on_device(options, passes);
  }
  io::write_safetensors(options.export_file, passes.file());
}

/// Seconds of single runs, after one that is not counted: at least `runs`, and as many as take at
/// least `seconds` in total.
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
  return summary(std::move(times));
}

/// Peak memory of this process so far.
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
  if constexpr (with_cuda)
    if (options.backend == "cuda") return measure_on_device(options);
  Passes passes(options);
  Step step(options, passes, options.training() ? Mode::training : Mode::inference);
  std::uint64_t run = 0;
  const Times times = time_runs([&] { step(run++); }, options.seconds, options.runs);
  const std::size_t peak = peak_bytes();
  const double gflop = passes.gflop(options.training());
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

void add_options(programs::CommandLine& line, Options& o) {
  line.add_option("--preset", o.preset, "Network, one of: " + programs::preset_names())
      .shows_default();
  line.add_option("--nf", o.nf, "Channels of the first level (default: the preset's)")
      .check(programs::natural_number(1, 4096));
  line.add_option("--what", o.what, "One pass, or forward and the gradient of all parameters")
      .shows_default()
      .choices({"forward", "training"});
  line.add_option("--batch", o.batch, "Images")
      .shows_default()
      .check(programs::natural_number(1, 4096));
  line.add_option("--threads", o.threads, "Threads, also of the matrix product")
      .shows_default()
      .check(programs::natural_number(1, 1024));
  line.add_option("--seconds", o.seconds, "Minimum total time of the runs in seconds")
      .shows_default()
      .check(programs::number_from_zero());
  line.add_option("--runs", o.runs, "Minimum number of runs")
      .shows_default()
      .check(programs::natural_number(1, 1000000));
  line.add_option("--seed", o.seed, "Seed of weights, images and dropout")
      .shows_default()
      .check(programs::natural_number(0));
  line.add_option("--backend", o.backend, "Device of the network")
      .shows_default()
      .choices({"cpu", "cuda"});
  line.add_option("--precision", o.precision, "Precision on the GPU; float32 on the CPU")
      .shows_default()
      .choices({"bf16", "tf32", "fp32"});
  line.add_option("--plan-cache", o.plan_cache, "Folder for cuDNN plans, kept between runs");
  line.add_option("--autotune", o.autotune, "cuDNN plans to time per convolution")
      .shows_default()
      .check(programs::natural_number(0, 100));
  line.add_option(
      "--export", o.export_file,
      "Write, without timing, a safetensors file of the network's settings and parameters, "
      "each moved by 0.03 N(0, 1), and of one forward and backward pass without dropout: "
      "x, labels, v, y, dx, grad.<name>");
}

}  // namespace
}  // namespace network_step

int main(int argc, char** argv) {
  network_step::Options options;
  programs::CommandLine line("network_step",
                             "Seconds, GFLOP/s and memory of one score network, as a line of JSON");
  network_step::add_options(line, options);
  return line.run(argc, argv, [&] {
    scoresde::require(network_step::with_cuda || options.backend == "cpu",
                      "--backend cuda: this program was built without scoresde::cuda");
    if (options.export_file.empty())
      std::cout << network_step::measure(options).dump() << std::endl;
    else
      network_step::write_passes(options);
    return 0;
  });
}
