// SPDX-License-Identifier: MIT
/// Training of a noise-conditional classifier on the CPU.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <scoresde/model/classifier_network.hpp>
#include <scoresde/nn/runtime/network.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/registry/presets.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/train/classification.hpp>

#include "cli/ranks.hpp"
#include "cli/stop_signals.hpp"
#include "cli/train_options.hpp"
#include "engine/held_out.hpp"
#include "engine/host_network.hpp"
#include "engine/objective_training.hpp"
#include "engine/training_data.hpp"
#include "engine/training_memory.hpp"

namespace programs {

/// The share of the first test images that a classifier gets wrong, at t = 0 and at eight times
/// with the same noise in every evaluation.
template <class S>
class ClassifierErrors {
 public:
  ClassifierErrors(const TrainOptions& options, const scoresde::nn::Graph& graph, const S& sde,
                   bool centered, bool noised, HostOps ops)
      : sde_(sde),
        network_(graph, held_out_batch, scoresde::nn::Mode::inference, std::move(ops)),
        test_(held_out_images(options, graph, centered, true)) {
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
  template <class Classifier>
  [[nodiscard]] double error_at(Classifier& classifier, double t, scoresde::MarginalProb p) const {
    const auto& [images, labels] = test_;
    scoresde::HostState<float> x(images.extents());
    const scoresde::Noise noise{.purpose = scoresde::Purpose::held_out};
    assign(x, {{p.mean, images}}, {p.std, noise.draw(0)});
    const std::size_t classes = classifier.classes();
    std::vector<double> logits(labels.size() * classes);
    classifier.logits(x, t, std::span<double>(logits));
    std::size_t wrong = 0;
    for (std::size_t k = 0; k < labels.size(); ++k) {
      const auto row = logits.begin() + static_cast<std::ptrdiff_t>(k * classes);
      const auto best = std::max_element(row, row + static_cast<std::ptrdiff_t>(classes)) - row;
      wrong += static_cast<std::uint32_t>(best) == labels[k] ? 0 : 1;
    }
    return static_cast<double>(wrong) / static_cast<double>(labels.size());
  }

  S sde_;
  scoresde::nn::Network<HostOps> network_;
  HeldOutImages test_;
  std::vector<double> times_;
};

template <class S>
class ClassifierTraining final
    : public ObjectiveTraining<HostOps, scoresde::Classification<S>, RankCommunicator> {
  using Base = ObjectiveTraining<HostOps, scoresde::Classification<S>, RankCommunicator>;

 public:
  ClassifierTraining(const TrainOptions& options, const scoresde::nn::Preset& preset, const S& sde,
                     const scoresde::CrossEntropy& loss)
      : Base(options, preset, sde, loss, HostOps(options.backend.threads),
             RankCommunicator(*options.ranks)) {
    this->train_on(training_images(options));
  }

  [[nodiscard]] std::string device_text() const override {
    return host_description(this->trainer().network().ops());
  }
  [[nodiscard]] double memory_bytes() const override {
    return training_memory(this->options(), this->preset(), this->trainer().network().ops());
  }

  [[nodiscard]] bool has_held_out() const override { return true; }
  void prepare_held_out() override {
    const auto& p = this->preset();
    if (!errors_)
      errors_.emplace(this->options(), this->graph(), this->trainer().sde(), p.network.centered,
                      p.noised, this->trainer().network().ops());
  }
  [[nodiscard]] std::optional<std::vector<HeldOutLevel>> held_out(
      std::span<const float> weights) override {
    prepare_held_out();
    return errors_->evaluate(weights);
  }

 private:
  std::optional<ClassifierErrors<S>> errors_;
};

}  // namespace programs
