// SPDX-License-Identifier: MIT
/// Trainer: trains a score network by denoising score matching, one update per batch.
///
///   θ ← Adam(θ, ∇θ (1/B) Σₖ lossₖ),   average ← EMA(average, θ),   trackⱼ ← EMAⱼ(trackⱼ, θ)
///
/// Song et al. 2021 (arXiv:2011.13456), eq. 7 and appendix H. All randomness is a function of
/// (seed, step, index in the batch), so a resumed run is bit-identical, on the CPU for any number
/// of threads. A class-conditional network learns the score of every class and, with the rate of
/// label_dropout, the unconditional score.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/loss/denoising_score_matching.hpp>
#include <scoresde/loss/trainable_score_model.hpp>
#include <scoresde/loss/training_draws.hpp>
#include <scoresde/loss/training_loss.hpp>
#include <scoresde/model/label_convention.hpp>
#include <scoresde/model/score_network.hpp>
#include <scoresde/nn/graph/parameters.hpp>
#include <scoresde/nn/runtime/network.hpp>
#include <scoresde/optim/gradient_norm.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/train/configuration.hpp>
#include <scoresde/train/label_dropout.hpp>
#include <scoresde/train/training_rules.hpp>
#include <scoresde/train/training_state.hpp>

namespace scoresde {

/// Owns the training-mode network and the state of the run. Allocates on construction and when the
/// batch size changes. The convention defines the network's label; its default depends on the loss.
template <nn::NetworkOps Ops, Sde S, class Loss = DenoisingScoreMatching,
          class Convention = typename Loss::template Convention<S>>
class Trainer {
  static_assert(
      trains_convention<Loss, Convention>,
      "Trainer: NoisePredictionAtLevel and ScoreAtLevel require DiscreteScoreMatching, and the "
      "other label conventions require a loss in continuous time");

 public:
  using Scalar = typename Ops::Scalar;

  /// Parameters are initialized by the network's rules and configuration.seed. `network_batch` is
  /// the number of samples differentiated at a time. Throws Error on an invalid configuration, and
  /// on label dropout for an unconditional network.
  Trainer(const nn::Graph& graph, S sde, TrainingConfigurationWith<Loss> configuration,
          std::size_t network_batch, Ops ops = Ops())
      : Trainer(graph, std::move(sde), configuration,
                convention_for<Convention>(configuration.loss), network_batch, std::move(ops)) {}

  /// The same with a convention that has parameters. Also throws Error when its σ_d is not the
  /// loss's.
  Trainer(const nn::Graph& graph, S sde, TrainingConfigurationWith<Loss> configuration,
          Convention convention, std::size_t network_batch, Ops ops = Ops())
      : configuration_(configuration),
        sde_(std::move(sde)),
        network_(graph, network_batch, nn::Mode::training, std::move(ops)),
        state_(TrainingState<Scalar>::start(
            initial_parameters<Scalar>(network_.parameters(), configuration.seed),
            configuration.ema_tracks.size())),
        gradient_(state_.parameters.size()),
        norm_(gradient_.size()),
        model_(network_, state_.parameters, sde_, convention) {
    check_training(configuration_, sde_, convention, network_.classes());
  }
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  [[nodiscard]] const TrainingConfigurationWith<Loss>& configuration() const {
    return configuration_;
  }
  [[nodiscard]] const S& sde() const { return sde_; }
  [[nodiscard]] const Convention& convention() const { return model_.convention(); }
  [[nodiscard]] const nn::ParameterTable& parameters() const { return network_.parameters(); }
  [[nodiscard]] const nn::Network<Ops>& network() const { return network_; }
  [[nodiscard]] const TrainingState<Scalar>& state() const { return state_; }
  /// Number of updates.
  [[nodiscard]] std::uint64_t step_count() const { return state_.step; }
  /// Number of elements of an image.
  [[nodiscard]] std::size_t dim() const { return network_.input_shape().size(); }
  /// Gradient of the last step's batch, before clipping.
  [[nodiscard]] std::span<const Scalar> gradient() const { return gradient_; }

  /// Continues from another state. Throws Error when its size is not the network's, or its number
  /// of tracks is not the configuration's.
  void restore(const TrainingState<Scalar>& state) {
    state.check(gradient_.size(), state_.tracks.size());
    for (std::size_t j = 0; j < state_.tracks.size(); ++j)
      std::copy(state.tracks[j].begin(), state.tracks[j].end(), state_.tracks[j].begin());
    std::copy(state.parameters.begin(), state.parameters.end(), state_.parameters.begin());
    std::copy(state.average.begin(), state.average.end(), state_.average.begin());
    std::copy(state.first_moment.begin(), state.first_moment.end(), state_.first_moment.begin());
    std::copy(state.second_moment.begin(), state.second_moment.end(), state_.second_moment.begin());
    state_.step = state.step;
  }

  /// One update from a batch of images (n, C, H, W) and, for a class-conditional network, the class
  /// of each or nn::no_class. A batch larger than the network's is accumulated in parts. Throws
  /// Error when n is neither at most the network's batch nor a multiple of it, for classes that are
  /// not the network's, and on a loss or gradient that is not finite; the state is then unchanged.
  StepReport step(std::span<const Scalar> images, std::span<const std::uint32_t> classes = {}) {
    const std::size_t samples = checked_samples(images.size(), dim(), network_.batch());
    conditioning_.resize(samples);
    drop_labels(classes, network_.classes(), configuration_.label_dropout,
                {configuration_.seed, state_.step}, conditioning_);
    const std::size_t part = std::min(samples, network_.batch());
    std::fill(gradient_.begin(), gradient_.end(), Scalar(0));
    double loss = 0;
    for (std::size_t first = 0; first < samples; first += part)
      loss += accumulate(images.subspan(first * dim(), part * dim()), first, samples);
    const double norm = norm_(std::span<const Scalar>(gradient_));
    require_finite_step(state_.step, loss, norm);
    const Adam& adam = configuration_.optimizer;
    update_parameters(adam, state_.buffers(), std::span<const Scalar>(gradient_), state_.step, norm,
                      configuration_.ema.decay_at(state_.step + 1));
    for (std::size_t j = 0; j < state_.tracks.size(); ++j)
      configuration_.ema_tracks[j].update(std::span<Scalar>(state_.tracks[j]),
                                          std::span<const Scalar>(state_.parameters),
                                          state_.step + 1);
    return {loss, norm, adam.learning_rate_at(state_.step++)};
  }

 private:
  using Batch = HostState<Scalar>;
  using Model = nn::ScoreNetwork<Ops, S, Convention>;
  static_assert(TrainableScoreModel<Model, Batch>);
  static_assert(TrainingLoss<Loss, S, Model, Batch>,
                "Trainer: the loss does not support this SDE; it needs check(sde), draw_times(sde, "
                "draw, times) and a call with (sde, model, x0, draw, workspace, share)");

  /// Adds the gradient of images first, first + 1, … of a batch; returns their share of its loss.
  double accumulate(std::span<const Scalar> images, std::size_t first, std::size_t samples) {
    const Extents shape{images.size() / dim(), dim()};
    if (!batch_ || batch_->extents() != shape) {
      batch_.emplace(shape);
      work_.emplace(*batch_);
    }
    std::copy(images.begin(), images.end(), batch_->data());
    const TrainingDraws draws{configuration_.seed, state_.step, static_cast<std::uint32_t>(first)};
    const double share = static_cast<double>(shape.samples) / static_cast<double>(samples);
    const Loss& loss = configuration_.loss;
    loss.draw_times(sde_, draws.time(), work_->times());
    model_.set_dropout(draws.dropout());
    if (network_.classes() > 0)
      model_.set_classes(
          std::span<const std::uint32_t>(conditioning_).subspan(first, shape.samples));
    const double value = loss(sde_, model_, *batch_, draws.noise(), *work_, share);
    model_.backward(work_->output_gradient(), std::span<Scalar>(gradient_));
    return share * value;
  }

  TrainingConfigurationWith<Loss> configuration_;
  S sde_;
  nn::Network<Ops> network_;
  TrainingState<Scalar> state_;
  std::vector<Scalar> gradient_;
  GradientNorm norm_;
  Model model_;
  std::vector<std::uint32_t> conditioning_;
  std::optional<Batch> batch_;
  std::optional<LossWorkspace<Batch>> work_;
};

}  // namespace scoresde
