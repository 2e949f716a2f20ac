// SPDX-License-Identifier: MIT
/// The held-out loss of a run: on the first test images, at eight noise levels.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <scoresde/data/image_stream.hpp>
#include <scoresde/error.hpp>
#include <scoresde/evaluate/standard_error.hpp>
#include <scoresde/nn/graph/graph.hpp>
#include <scoresde/registry/presets.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/train/held_out_loss.hpp>
#include <scoresde/train/training_rules.hpp>

#include "cli/stop_signals.hpp"
#include "cli/train_options.hpp"
#include "cli/training.hpp"
#include "engine/training_data.hpp"

namespace programs {

/// Quantiles of the training times: both ends, and the midpoints of six equal parts, at which the
/// mean of the losses approximates the training loss.
inline constexpr std::array<double, 8> held_out_quantiles{0.002,    1 / 12.0, 3 / 12.0,  5 / 12.0,
                                                          7 / 12.0, 9 / 12.0, 11 / 12.0, 0.998};

/// Images per evaluation.
inline constexpr std::size_t held_out_batch = 64;

/// The first test images, with values as the network takes them, and their labels.
struct HeldOutImages {
  scoresde::HostState<float> images;
  std::vector<std::uint32_t> labels;
};
/// Throws Error as test_images() does, and for missing labels if the network requires them.
[[nodiscard]] inline HeldOutImages held_out_images(const TrainOptions& options,
                                                   const scoresde::nn::Graph& graph, bool centered,
                                                   bool labeled) {
  const auto images = test_images(options, graph.shape(graph.input()));
  const auto& set = images.view();
  scoresde::require(!labeled || set.labels.size() == set.size(),
                    "--test-data has no labels; the network requires one for each image");
  HeldOutImages test{scoresde::HostState<float>({set.size(), set.dim()}),
                     {set.labels.begin(), set.labels.end()}};
  for (std::size_t k = 0; k < set.size(); ++k)
    scoresde::data::fill_image(set, k, {.centered = centered}, 0, 0, k, test.images[k]);
  return test;
}

template <class Ops, class S, class Loss>
class HeldOutSet {
  using Convention = typename Loss::template Convention<S>;

 public:
  static constexpr std::size_t batch = held_out_batch;

  HeldOutSet(const TrainOptions& options, const scoresde::nn::Graph& graph,
             const scoresde::nn::Preset& preset, S sde, Loss loss, Ops ops)
      : sde_(std::move(sde)),
        loss_(std::move(loss)),
        times_(scoresde::held_out_times(loss_, sde_, held_out_quantiles)),
        held_out_(graph, sde_, loss_, scoresde::convention_for<Convention>(loss_), batch,
                  std::move(ops)) {
    const bool labeled = preset.network.num_class_embeds > 0;
    auto [images, labels] = held_out_images(options, graph, preset.network.centered, labeled);
    images_ = std::move(images);
    if (labeled) classes_ = std::move(labels);
  }

  /// The loss of these weights at each level; empty if a signal arrived meanwhile.
  [[nodiscard]] std::optional<std::vector<HeldOutLevel>> evaluate(std::span<const float> weights) {
    std::vector<HeldOutLevel> levels;
    for (const double t : times_) {
      if (stop_requested()) return std::nullopt;
      const auto p = loss_.weighted_marginal(sde_, t, 1).p;
      auto losses = held_out_.losses(weights, images_.span(), classes_, t);
      levels.push_back({p.std / p.mean, scoresde::mean_of(losses), std::move(losses)});
    }
    return levels;
  }

 private:
  S sde_;
  Loss loss_;
  std::vector<double> times_;
  scoresde::HeldOutLoss<Ops, S, Loss> held_out_;
  scoresde::HostState<float> images_;
  std::vector<std::uint32_t> classes_;
};

}  // namespace programs
