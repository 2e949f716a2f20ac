// SPDX-License-Identifier: MIT
/// Training on a GPU, as TrainRun asks for it: images, state and snapshots on the device.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <scoresde/cuda/device_state.hpp>
#include <scoresde/cuda/ops.hpp>
#include <scoresde/cuda/score_network.hpp>
#include <scoresde/cuda/trainer.hpp>
#include <scoresde/nn/networks/unet.hpp>

#include "configuration.hpp"
#include "device_options.hpp"
#include "snapshot.hpp"
#include "train_options.hpp"
#include "train_run.hpp"

namespace cifar10 {

/// Snapshot's images drawn on the device, from the same noise, but not clipped.
template <class A, class S, class Convention>
class DeviceSnapshot {
 public:
  DeviceSnapshot(const scoresde::nn::Graph& graph, const S& sde, std::size_t steps, bool centered,
                 const scoresde::cuda::Ops<A>& ops)
      : network_(graph, snapshot_samples, scoresde::nn::Mode::inference, ops),
        sampler_(sde, scoresde::Ancestral{}, scoresde::NoCorrector{}, snapshot_grid(sde, steps)),
        centered_(centered),
        classes_(snapshot_classes(network_.classes())) {}

  /// Samples with parameters that lie on the device and writes the grid.
  void write(const std::filesystem::path& path, std::span<const float> parameters,
             const Convention& convention, std::uint64_t seed) {
    scoresde::cuda::ScoreNetwork<A, S, Convention> model(network_, parameters, sampler_.sde(),
                                                         convention);
    model.set_classes(classes_);
    network_.freeze(parameters);  // until the next snapshot, though training goes on elsewhere
    scoresde::cuda::DeviceState<float> x(network_.ops().context(), {snapshot_samples, model.dim()});
    sampler_.sample(model, x, scoresde::Noise{.seed = seed});
    const auto samples = scoresde::cuda::to_host(x);
    write_snapshot(path, centered_, {samples.data(), samples.size()});
  }

 private:
  scoresde::nn::Network<scoresde::cuda::Ops<A>> network_;
  scoresde::PredictorCorrector<S, scoresde::Ancestral, scoresde::NoCorrector> sampler_;
  bool centered_;
  std::vector<std::uint32_t> classes_;
};

template <class A, class S, class Loss>
class DeviceTraining {
  using Trainer = scoresde::cuda::Trainer<A, S, Loss>;
  using Convention = typename Loss::template Convention<S>;

 public:
  static constexpr std::size_t reports_kept = Trainer::reports_kept;

  DeviceTraining(const TrainOptions& options, const Preset& preset,
                 const scoresde::cuda::Ops<A>& ops, const scoresde::data::ImageSet& images, S sde,
                 const Loss& loss)
      : options_(options),
        centered_(preset.network.centered),
        samples_(images.size()),
        graph_(scoresde::nn::unet(preset.network)),
        ops_(ops),
        convention_(scoresde::convention_for<Convention>(loss)),
        trainer_(graph_, std::move(sde), training_configuration(preset, loss, options.seed),
                 convention_, network_batch(options, preset), ops) {
    trainer_.set_captures(!options.backend.no_graph);
    trainer_.train_on(images, image_transform(preset), options.seed, preset.batch_size);
  }

  [[nodiscard]] auto& trainer() { return trainer_; }
  [[nodiscard]] std::size_t samples() const { return samples_; }

  void step() { trainer_.step(); }
  [[nodiscard]] std::vector<scoresde::StepReport> reports() { return trainer_.reports(); }

  /// Of the averaged weights.
  void snapshot(const std::filesystem::path& path) {
    if (!snapshot_)
      snapshot_.emplace(graph_, trainer_.sde(), options_.snapshot_steps, centered_, ops_);
    snapshot_->write(path, trainer_.device_average(), convention_, options_.seed);
  }

  [[nodiscard]] std::string device_text() const {
    return device_description(ops_.context(), options_.backend) +
           (options_.backend.no_graph ? "" : ", a graph for each step");
  }

 private:
  TrainOptions options_;
  bool centered_;
  std::size_t samples_;
  scoresde::nn::Graph graph_;
  scoresde::cuda::Ops<A> ops_;
  Convention convention_;
  Trainer trainer_;
  std::optional<DeviceSnapshot<A, S, Convention>> snapshot_;
};

}  // namespace cifar10
