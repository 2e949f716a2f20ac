// SPDX-License-Identifier: MIT
/// Whole training steps on a GPU: images in device memory, each step one replay of its graph.
#include <cstddef>

#include <scoresde/cuda/ops.hpp>
#include <scoresde/cuda/training_engine.hpp>
#include <scoresde/train/score_matching.hpp>
#include <scoresde/train/trainer.hpp>

#include "ceilings.hpp"
#include "device_timer.hpp"
#include "engine/precision_option.hpp"
#include "train_step.hpp"

namespace train_step {
namespace {

using namespace scoresde;

template <class A, class S, class Loss>
nlohmann::ordered_json measured(const cuda::Context& context, const Options& options,
                                const nn::Preset& preset, const S& sde, const Loss& loss) {
  const nn::Graph graph = nn::unet(preset.network);
  const std::size_t before = device::bytes_taken(context);
  Trainer<cuda::Ops<A>, ScoreMatching<S, Loss>> trainer(
      graph, sde, scoresde::training_configuration(preset, loss, 1), options.batch,
      cuda::Ops<A>(context, {.cache = options.plan_cache, .autotune = options.autotune},
                   programs::precision_of(options.precision)));
  trainer.train_on(noise_images(graph, options),
                   {.centered = preset.network.centered, .random_flip = preset.random_flip}, 1,
                   options.batch);
  const Times times = device::time_runs(
      context, [&] { trainer.step(); }, options.seconds, options.runs);
  const StepReport report = trainer.report();  // throws if a step was not finite
  const std::size_t taken = device::bytes_taken(context) - before;
  nlohmann::ordered_json line = line_of(options, graph, times);
  const device::Ceilings ceilings = device::measure_ceilings(context);
  line["precision"] = options.precision;
  line["loss"] = report.loss;
  line["of_gemm"] = line["gflops"].get<double>() / ceilings.gemm_gflops;
  line["device_peak_bytes"] = taken;
  line["workspace_bytes"] = trainer.network().workspace_bytes();
  line.update(device::describe(context, ceilings));
  return line;
}

}  // namespace

nlohmann::ordered_json measure_on_device(const Options& options) {
  const cuda::Context context;
  const nn::Preset preset = preset_of(options);
  nlohmann::ordered_json line;
  scoresde::visit_training(preset, [&](const auto& sde, const auto& loss) {
    programs::with_activations(options.precision, [&]<class A>() {
      line = measured<A>(context, options, preset, sde, loss);
    });
  });
  return line;
}

}  // namespace train_step
