// SPDX-License-Identifier: MIT
/// Training on the CPU, as TrainRun asks for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <scoresde/data/cifar10.hpp>
#include <scoresde/data/image_stream.hpp>
#include <scoresde/eigen/ops.hpp>
#include <scoresde/error.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/train/held_out_loss.hpp>
#include <scoresde/train/trainer.hpp>

#include "configuration.hpp"
#include "held_out.hpp"
#include "snapshot.hpp"
#include "train_options.hpp"
#include "train_run.hpp"

namespace cifar10 {

template <class S, class Loss>
class HostTraining {
  using Ops = scoresde::eigen::Ops<float>;

 public:
  using HeldOut = HeldOutSet<Ops, S, Loss>;
  static constexpr std::size_t reports_kept = 1;

  HostTraining(const TrainOptions& options, const Preset& preset, S sde, const Loss& loss)
      : options_(options),
        centered_(preset.network.centered),
        graph_(scoresde::nn::unet(preset.network)),
        images_(training_images(options)),
        stream_(images_, image_transform(preset), options.seed),
        batch_(preset.batch_size * images_.dim()),
        labels_(preset.network.num_class_embeds > 0 ? preset.batch_size : 0),
        trainer_(graph_, std::move(sde), training_configuration(preset, loss, options.seed),
                 network_batch(options, preset), Ops(options.backend.threads)) {}

  [[nodiscard]] auto& trainer() { return trainer_; }
  [[nodiscard]] std::size_t samples() const { return images_.size(); }

  void step() {
    const std::uint64_t first = trainer_.step_count() * (batch_.size() / images_.dim());
    stream_.fill_batch<float>(first, batch_);
    stream_.fill_labels(first, labels_);
    last_ = trainer_.step(std::span<const float>(batch_), labels_);
  }
  /// Of the step since the last call.
  [[nodiscard]] std::vector<scoresde::StepReport> reports() {
    const auto report = std::exchange(last_, std::nullopt);
    return report ? std::vector{*report} : std::vector<scoresde::StepReport>();
  }

  /// Of the averaged weights.
  void snapshot(const std::filesystem::path& path) {
    if (!snapshot_)
      snapshot_.emplace(graph_, trainer_.sde(), trainer_.convention(), options_.snapshot_steps,
                        centered_, Ops(options_.backend.threads));
    snapshot_->write(path, trainer_.state().average, options_.seed);
  }

  /// The test images and the network that evaluates them; read when first asked for.
  [[nodiscard]] HeldOut& held_out() {
    if (!held_out_)
      held_out_.emplace(options_, graph_, trainer_, centered_, Ops(options_.backend.threads));
    return *held_out_;
  }

  [[nodiscard]] std::string device_text() const {
    return scoresde::text("CPU, ", trainer_.network().ops().threads(), " threads, float32");
  }

 private:
  TrainOptions options_;
  bool centered_;
  scoresde::nn::Graph graph_;
  scoresde::data::ImageSet images_;
  scoresde::data::ImageStream stream_;
  std::vector<float> batch_;
  std::vector<std::uint32_t> labels_;  ///< of the batch, where the network is told them
  scoresde::Trainer<Ops, S, Loss> trainer_;
  std::optional<Snapshot<Ops, S, typename Loss::template Convention<S>>> snapshot_;
  std::optional<HeldOut> held_out_;
  std::optional<scoresde::StepReport> last_;
};

}  // namespace cifar10
