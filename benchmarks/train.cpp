// SPDX-License-Identifier: MIT
/// Whole training steps of one network in one process: seconds, GFLOP/s and images per second, as a
/// line of JSON.
///
///   gflop = 6·multiply_adds·batch·10⁻⁹: one pass forward and the two products of one backward
///
/// A step is everything between two batches: noise and perturbation,
/// forward with dropout, the weighted loss, backward, the gradient's norm, clipping, Adam and the
/// moving average. With --backend cuda it is one CUDA graph, on images in device memory,
/// timed by its events (device/train.cpp). Images are noise: times do not depend on them.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/eigen/ops.hpp>
#include <scoresde/error.hpp>
#include <scoresde/train/trainer.hpp>

#include "cli/command_line.hpp"
#include "cli/preset_names.hpp"
#include "train_step.hpp"

namespace train_step {
namespace {

using namespace scoresde;

#ifdef SCORESDE_WITH_CUDA
constexpr bool with_cuda = true;
#else
constexpr bool with_cuda = false;
#endif

nlohmann::ordered_json measure(const Options& options) {
  if constexpr (with_cuda)
    if (options.backend == "cuda") return measure_on_device(options);
  const nn::Preset preset = preset_of(options);
  const nn::Graph graph = nn::unet(preset.network);
  const data::ImageSet images = noise_images(graph, options);
  std::vector<float> batch;
  for (const std::uint8_t byte : images.pixels) batch.push_back(static_cast<float>(byte) / 255);
  nlohmann::ordered_json line;
  scoresde::visit_training(preset, [&]<class S, class Loss>(const S& sde, const Loss& loss) {
    using Ops = eigen::Ops<float>;
    Trainer<Ops, ScoreMatching<S, Loss>> trainer(graph, sde,
                                                 scoresde::training_configuration(preset, loss, 1),
                                                 options.batch, Ops(options.threads));
    std::vector<double> times;
    for (double sum = 0; sum < options.seconds || times.size() < options.runs + 1;) {
      const auto begin = std::chrono::steady_clock::now();
      trainer.step(batch);
      times.push_back(
          std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
      if (times.size() > 1) sum += times.back();  // the first step fills the caches
    }
    times.erase(times.begin());
    line = line_of(options, graph, summary(std::move(times)));
    line["threads"] = options.threads;
    line["workspace_bytes"] = trainer.network().workspace_bytes();
  });
  return line;
}

void add_options(programs::CommandLine& line, Options& o) {
  line.add_option("--preset", o.preset, "Network and loss, one of: " + programs::preset_names())
      .shows_default();
  line.add_option("--nf", o.nf, "Channels of the first level (default: the preset's)")
      .check(programs::natural_number(1, 4096));
  line.add_option("--backend", o.backend, "Device of the training")
      .shows_default()
      .choices({"cpu", "cuda"});
  line.add_option("--precision", o.precision, "Precision on the GPU; float32 on the CPU")
      .shows_default()
      .choices({"bf16", "tf32", "fp32"});
  line.add_option("--batch", o.batch, "Images per step")
      .shows_default()
      .check(programs::natural_number(1, 4096));
  line.add_option("--threads", o.threads, "CPU threads")
      .shows_default()
      .check(programs::natural_number(1, 1024));
  line.add_option("--seconds", o.seconds, "Minimum total time of the steps in seconds")
      .shows_default()
      .check(programs::number_from_zero());
  line.add_option("--runs", o.runs, "Minimum number of steps")
      .shows_default()
      .check(programs::natural_number(1, 1000000));
  line.add_option("--plan-cache", o.plan_cache, "Folder for cuDNN plans, kept between runs");
  line.add_option("--autotune", o.autotune, "cuDNN plans to time per convolution")
      .shows_default()
      .check(programs::natural_number(0, 100));
}

}  // namespace
}  // namespace train_step

int main(int argc, char** argv) {
  train_step::Options options;
  programs::CommandLine line("train", "Seconds of a whole training step, as a line of JSON");
  train_step::add_options(line, options);
  return line.run(argc, argv, [&] {
    scoresde::require(train_step::with_cuda || options.backend == "cpu",
                      "--backend cuda: this program was built without scoresde::cuda");
    std::cout << train_step::measure(options).dump() << std::endl;
    return 0;
  });
}
