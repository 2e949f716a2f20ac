// SPDX-License-Identifier: MIT
/// Training of a noise-conditional classifier on the CPU.
#pragma once

#include <algorithm>
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
#include <scoresde/error.hpp>
#include <scoresde/model/classifier_network.hpp>
#include <scoresde/nn/runtime/network.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/registry/preset_training.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/train/classification.hpp>
#include <scoresde/train/trainer.hpp>

#include "cli/stop_signals.hpp"
#include "cli/train_options.hpp"
#include "engine/held_out.hpp"
#include "engine/host_network.hpp"
#include "engine/trainer_training.hpp"
#include "engine/training_data.hpp"

namespace programs {

/// The share of the first test images that a classifier gets wrong, at t = 0 and at eight times
/// with the same noise in every evaluation.
template <class S>
class ClassifierErrors {
 public:
  ClassifierErrors(const TrainOptions& options, const scoresde::nn::Graph& graph, const S& sde,
                   bool centered, bool noised, HostOps ops)
      : sde_(sde), network_(graph, held_out_batch, scoresde::nn::Mode::inference, std::move(ops)) {
    const auto set = scoresde::data::read_cifar10(options.data, scoresde::data::Split::test);
    const std::size_t count = std::min(options.held_out_images, set.size());
    images_ = State({count, set.dim()});
    for (std::size_t k = 0; k < count; ++k)
      scoresde::data::fill_image(set, k, {.centered = centered}, 0, 0, k, images_[k]);
    labels_.assign(set.labels.begin(), set.labels.begin() + static_cast<std::ptrdiff_t>(count));
    times_.push_back(0);
    for (const double q : held_out_quantiles)
      if (noised) times_.push_back(sde.t_min() + q * (sde.t_max() - sde.t_min()));
  }

  /// Of these weights at each level; empty if a signal arrived meanwhile.
  [[nodiscard]] std::optional<std::vector<HeldOutLevel>> evaluate(std::span<const float> weights) {
    network_.freeze(weights);
    scoresde::nn::ClassifierNetwork<HostOps, S> classifier(network_, weights, sde_);
    std::vector<HeldOutLevel> levels;
    for (const double t : times_) {
      if (stop_requested()) return std::nullopt;
      const auto p = t > 0 ? sde_.marginal_prob(t) : scoresde::MarginalProb{1, 0};
      levels.push_back({p.std / p.mean, error_at(classifier, t, p)});
    }
    return levels;
  }

 private:
  using State = scoresde::HostState<float>;

  template <class Classifier>
  [[nodiscard]] double error_at(Classifier& classifier, double t, scoresde::MarginalProb p) const {
    State x(images_.extents());
    const scoresde::Noise noise{.purpose = scoresde::Purpose::held_out};
    assign(x, {{p.mean, images_}}, {p.std, noise.draw(0)});
    const std::size_t classes = classifier.classes();
    std::vector<double> logits(labels_.size() * classes);
    classifier.logits(x, t, std::span<double>(logits));
    std::size_t wrong = 0;
    for (std::size_t k = 0; k < labels_.size(); ++k) {
      const auto row = logits.begin() + static_cast<std::ptrdiff_t>(k * classes);
      const auto best = std::max_element(row, row + static_cast<std::ptrdiff_t>(classes)) - row;
      wrong += best == labels_[k] ? 0 : 1;
    }
    return static_cast<double>(wrong) / static_cast<double>(labels_.size());
  }

  S sde_;
  scoresde::nn::Network<HostOps> network_;
  State images_;
  std::vector<std::uint8_t> labels_;
  std::vector<double> times_;
};

template <class S>
class ClassifierTraining final
    : public TrainerTraining<scoresde::Trainer<HostOps, scoresde::Classification<S>>> {
  using Trainer = scoresde::Trainer<HostOps, scoresde::Classification<S>>;

 public:
  ClassifierTraining(const TrainOptions& options, const scoresde::nn::Preset& preset, const S& sde,
                     const scoresde::CrossEntropy& loss)
      : TrainerTraining<Trainer>(preset),
        options_(options),
        graph_(scoresde::graph_of(preset)),
        trainer_(graph_, sde, scoresde::training_configuration(preset, loss, options.seed),
                 network_batch_of(options, preset), HostOps(options.backend.threads)) {
    scoresde::data::ImageSet images = training_images(options);
    images_ = images.size();
    trainer_.train_on(std::move(images), image_transform(preset), options.seed, preset.batch_size);
  }

  [[nodiscard]] std::size_t images() const override { return images_; }
  [[nodiscard]] std::string device_text() const override {
    return scoresde::text("CPU, ", trainer_.network().ops().threads(), " threads, float32");
  }
  /// A classifier has no samples.
  void snapshot(const std::filesystem::path&) override {}

  [[nodiscard]] bool has_held_out() const override { return true; }
  void prepare_held_out() override {
    const auto& p = this->preset();
    if (!errors_)
      errors_.emplace(options_, graph_, trainer_.sde(), p.network.centered, p.noised,
                      HostOps(options_.backend.threads));
  }
  [[nodiscard]] std::optional<std::vector<HeldOutLevel>> held_out(
      std::span<const float> weights) override {
    prepare_held_out();
    return errors_->evaluate(weights);
  }

 private:
  [[nodiscard]] Trainer& trainer() override { return trainer_; }
  [[nodiscard]] const Trainer& trainer() const override { return trainer_; }

  TrainOptions options_;
  scoresde::nn::Graph graph_;
  std::size_t images_ = 0;  ///< of the data set
  Trainer trainer_;
  std::optional<ClassifierErrors<S>> errors_;
};

}  // namespace programs
