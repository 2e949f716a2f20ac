// SPDX-License-Identifier: MIT
/// cifar10_train --ablation: checks before the trainings, and held-out losses after them.
#include <span>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/registry/preset_training.hpp>
#include <scoresde/train/training_state.hpp>

#include "engine/engine.hpp"
#include "engine/held_out.hpp"
#include "engine/host_network.hpp"
#include "engine/training_data.hpp"
#include "engine/training_memory.hpp"

namespace programs {
namespace {

using Preset = scoresde::nn::Preset;
using State = scoresde::TrainingState<float>;

/// The state in the checkpoint of the preset's run. Throws Error as load_checkpoint does.
template <class S, class Loss>
State saved_state(const TrainOptions& options, const Preset& preset, const S& sde, const Loss& loss,
                  const scoresde::nn::ParameterTable& table) {
  auto configuration = scoresde::checkpoint_configuration(
      preset, sde, scoresde::training_configuration(preset, loss, options.seed));
  add_program_settings(options, configuration);
  return scoresde::load_checkpoint<float>(options.out / "checkpoint.safetensors", table,
                                          configuration);
}

}  // namespace

void check_ablation_on_host(const TrainOptions& options, const std::vector<Preset>& presets) {
  for (const Preset& preset : presets) require_training_memory(options, preset);
  const Preset& base = presets.front();
  const auto test = held_out_images(options, scoresde::graph_of(base), base.network.centered,
                                    base.network.num_class_embeds > 0);
  scoresde::require(test.images.extents().samples > 1, "--test-data has ",
                    test.images.extents().samples,
                    " images; an ablation requires at least 2, for standard errors");
  (void)training_images(options);
}

std::optional<std::vector<std::vector<HeldOutLevel>>> held_out_on_host(const TrainOptions& options,
                                                                       const Preset& preset) {
  std::vector<std::vector<HeldOutLevel>> all;
  bool complete = true;
  const auto graph = scoresde::graph_of(preset);
  scoresde::visit_training(preset, [&]<class S, class Loss>(const S& sde, const Loss& loss) {
    const State state = saved_state(options, preset, sde, loss, graph.parameters());
    HeldOutSet<HostOps, S, Loss> test(options, graph, preset, sde, loss,
                                      HostOps(options.backend.threads));
    const auto add = [&](std::span<const float> weights) {
      const auto levels = complete ? test.evaluate(weights) : std::nullopt;
      complete = levels.has_value();
      if (levels) all.push_back(*levels);
    };
    add(state.average);
    for (const auto& track : state.tracks) add(track);
  });
  return complete ? std::optional(all) : std::nullopt;
}

}  // namespace programs
