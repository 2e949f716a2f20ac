// SPDX-License-Identifier: MIT
/// EagerEngine: a Trainer's steps on the host, each executed at once.
///
///   θ ← Optimizer(θ, ∇θ (1/B) Σₖ lossₖ),   average ← EMA(average, θ),   trackⱼ ← EMAⱼ(trackⱼ, θ)
///
/// All randomness is a function of (seed, step, index in the batch), so a resumed run is
/// bit-identical, for any number of threads, and with gradient shards for any number of ranks. With
/// an OverlappingCommunicator the gradient is summed over the ranks in buckets during the backward
/// pass (Li et al. 2020, arXiv:2006.15704, section 3.2.3).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/data/image_set.hpp>
#include <scoresde/data/image_stream.hpp>
#include <scoresde/error.hpp>
#include <scoresde/loss/training_draws.hpp>
#include <scoresde/model/model_ops.hpp>
#include <scoresde/nn/graph/graph.hpp>
#include <scoresde/nn/runtime/network.hpp>
#include <scoresde/optim/communicator.hpp>
#include <scoresde/optim/gradient_norm.hpp>
#include <scoresde/optim/optimizer.hpp>
#include <scoresde/optim/tree_sum.hpp>
#include <scoresde/train/configuration.hpp>
#include <scoresde/train/label_dropout.hpp>
#include <scoresde/train/objective.hpp>
#include <scoresde/train/training_rules.hpp>
#include <scoresde/train/training_state.hpp>

namespace scoresde {

/// Owns the training-mode network and the state of the run. Allocates on construction and when the
/// batch size changes. Trainer checks its arguments.
template <class Ops, class Objective, class Optimizer, class Communicator>
class EagerEngine {
  static_assert(nn::ContiguousHostState<typename Ops::State>,
                "Trainer: the engine of this backend is not included; that of cuda::Ops is in "
                "scoresde/cuda/training_engine.hpp");

 public:
  using Scalar = typename Ops::Scalar;
  using Configuration = TrainingConfigurationWith<typename Objective::Loss, Optimizer>;
  static constexpr std::size_t reports_kept = 1;
  /// Elements of the gradient whose sum over ranks begins at once.
  static constexpr std::size_t bucket = std::size_t{1} << 18;

  EagerEngine(const nn::Graph& graph, Objective objective, Configuration configuration,
              std::size_t network_batch, Ops ops, Communicator communicator)
      : configuration_(std::move(configuration)),
        objective_(std::move(objective)),
        communicator_(std::move(communicator)),
        network_(graph, network_batch, nn::Mode::training, std::move(ops)),
        state_(TrainingState<Scalar>::start(
            initial_parameters<Scalar>(network_.parameters(), configuration_.seed),
            configuration_.ema_tracks.size())),
        gradient_(state_.parameters.size(),
                  shards_of_rank(configuration_.gradient_shards, communicator_.size())),
        norm_(state_.parameters.size()),
        losses_(gradient_.terms()),
        model_(objective_.model(network_, std::span<const Scalar>(state_.parameters))) {}
  EagerEngine(const EagerEngine&) = delete;
  EagerEngine& operator=(const EagerEngine&) = delete;

  [[nodiscard]] const Configuration& configuration() const { return configuration_; }
  [[nodiscard]] const Objective& objective() const { return objective_; }
  [[nodiscard]] const Communicator& communicator() const { return communicator_; }
  [[nodiscard]] const nn::Network<Ops>& network() const { return network_; }
  [[nodiscard]] const TrainingState<Scalar>& state() const { return state_; }
  [[nodiscard]] std::uint64_t step_count() const { return state_.step; }
  [[nodiscard]] std::span<const Scalar> gradient() const { return gradient_.result(); }
  [[nodiscard]] std::span<const Scalar> weights() const { return state_.parameters; }
  [[nodiscard]] std::span<const Scalar> average() const { return state_.average; }

  void restore(const TrainingState<Scalar>& state) {
    for (std::size_t j = 0; j < state_.tracks.size(); ++j)
      std::copy(state.tracks[j].begin(), state.tracks[j].end(), state_.tracks[j].begin());
    std::copy(state.parameters.begin(), state.parameters.end(), state_.parameters.begin());
    std::copy(state.average.begin(), state.average.end(), state_.average.begin());
    std::copy(state.first_moment.begin(), state.first_moment.end(), state_.first_moment.begin());
    std::copy(state.second_moment.begin(), state.second_moment.end(), state_.second_moment.begin());
    state_.step = state.step;
    last_.reset();
    reported_ = true;
    skipped_ = 0;
  }

  /// Keeps the data set. `batch` images per step on all ranks together.
  void train_on(data::SharedImages images, data::ImageTransform transform, std::uint64_t seed,
                std::size_t batch) {
    stream_.reset();
    images_ = std::move(images);
    stream_.emplace(images_.view(), transform, seed);
    images_of_batch_.resize(batch / communicator_.size() * images_.view().dim());
    labels_.resize(classes() > 0 ? batch / communicator_.size() : 0);
  }

  /// One update from the data set.
  void step() {
    require(stream_.has_value(),
            "training: there is no data set; call train_on before step(), or "
            "pass images to step()");
    const std::size_t samples = images_of_batch_.size() / images_.view().dim();
    const std::uint64_t first =
        (state_.step * communicator_.size() + communicator_.rank()) * samples;
    stream_->template fill_batch<Scalar>(first, images_of_batch_);
    stream_->fill_labels(first, labels_);
    step(std::span<const Scalar>(images_of_batch_), labels_);
  }

  /// One update from this rank's part of a batch. Throws Error on a loss or gradient that is not
  /// finite, after as many skipped steps as the configuration allows; the state is then unchanged.
  void step(std::span<const Scalar> images, std::span<const std::uint32_t> classes) {
    const std::size_t dim = network_.input_shape().size(), samples = images.size() / dim;
    const auto before = static_cast<std::uint32_t>(communicator_.rank() * samples);
    conditioning_.resize(samples);
    drop_labels(classes, this->classes(), configuration_.label_dropout,
                {configuration_.seed, state_.step, before}, conditioning_);
    const std::size_t shard = samples / gradient_.terms();
    const std::size_t part = std::min(shard, network_.batch());
    gradient_.clear();
    for (std::size_t k = 0; k < gradient_.terms(); ++k) {
      const std::span<Scalar> gradient = gradient_.next();
      losses_[k] = 0;
      for (std::size_t first = k * shard; first < (k + 1) * shard; first += part) {
        if (first + part == samples) begin_sums();
        losses_[k] += accumulate(images.subspan(first * dim, part * dim), first, before,
                                 samples * communicator_.size(), gradient);
      }
      if (!gradient_.is_last()) gradient_.add();
    }
    finish_sums();
    visit_sum_tree(losses_.size(),
                   [this](std::size_t i, std::size_t j) { losses_[i] += losses_[j]; });
    communicator_.all_reduce(std::span<double>(losses_).first(1));
    update(losses_[0], norm_(gradient()));
  }

  [[nodiscard]] StepReport report() const {
    require(last_.has_value(), "training: there is no step to report; call step() first");
    return *last_;
  }
  [[nodiscard]] std::vector<StepReport> reports() {
    return std::exchange(reported_, true) ? std::vector<StepReport>() : std::vector{*last_};
  }

 private:
  using State = typename Ops::State;

  /// Of the labels of a batch.
  [[nodiscard]] std::size_t classes() const { return label_classes(objective_, network_); }

  /// Adds to `gradient` that of images first, first + 1, … of this rank, which follow `before`
  /// others in the batch of `whole`; returns their share of its loss.
  double accumulate(std::span<const Scalar> images, std::size_t first, std::uint32_t before,
                    std::size_t whole, std::span<Scalar> gradient) {
    const std::size_t dim = network_.input_shape().size();
    const Extents shape{images.size() / dim, dim};
    if (!batch_ || batch_->extents() != shape) {
      batch_.emplace(network_.ops().make_state(shape));
      work_.emplace(*batch_);
    }
    network_.ops().upload(images, Ops::elements(*batch_));
    const TrainingDraws draws{configuration_.seed, state_.step,
                              before + static_cast<std::uint32_t>(first)};
    const double share = static_cast<double>(shape.samples) / static_cast<double>(whole);
    if (classes() > 0)
      model_.set_classes(
          std::span<const std::uint32_t>(conditioning_).subspan(first, shape.samples));
    return share * objective_.forward_backward(model_, *batch_, draws, *work_, share, gradient);
  }

  /// The sums over shards and ranks begin during the last backward pass of a step, from the end of
  /// the gradient on, where it is complete first.
  void begin_sums() {
    summed_from_ = state_.parameters.size();
    if constexpr (OverlappingCommunicator<Communicator, Scalar>)
      if (communicator_.size() > 1)
        network_.set_gradient_listener({this, [](void* engine, std::size_t complete_from) {
                                          static_cast<EagerEngine*>(engine)->sum_buckets(
                                              complete_from);
                                        }});
  }
  /// Begins the sums of whole buckets of what is complete.
  void sum_buckets(std::size_t complete_from) {
    while (summed_from_ >= complete_from + bucket) sum_before(summed_from_ - bucket);
    communicator_.advance();
  }
  void finish_sums() {
    sum_before(0);
    if constexpr (OverlappingCommunicator<Communicator, Scalar>) {
      network_.set_gradient_listener({});
      communicator_.finish_all_reduces();
    }
  }
  /// Begins the sums of elements first … summed_from_ − 1.
  void sum_before(std::size_t first) {
    const std::span<Scalar> values = gradient_.add_last(first, summed_from_ - first);
    summed_from_ = first;
    if constexpr (OverlappingCommunicator<Communicator, Scalar>)
      communicator_.begin_all_reduce(values);
    else
      communicator_.all_reduce(values);
  }

  void update(double loss, double norm) {
    const bool finite = is_finite_step(loss, norm);
    skipped_ = finite ? 0 : skipped_ + 1;
    if (skipped_ > configuration_.skip_limit)
      require_finite_step(state_.step, loss, norm, skipped_);
    if (finite) change_state(norm);
    last_ = StepReport{loss, norm, configuration_.optimizer.learning_rate_at(state_.step), finite};
    ++state_.step;
    reported_ = false;
  }

  void change_state(double norm) {
    const Optimizer& optimizer = configuration_.optimizer;
    update_parameters(optimizer, state_.buffers(), gradient(), state_.step, norm,
                      configuration_.ema.decay_at(state_.step + 1));
    for (std::size_t j = 0; j < state_.tracks.size(); ++j)
      configuration_.ema_tracks[j].update(std::span<Scalar>(state_.tracks[j]),
                                          std::span<const Scalar>(state_.parameters),
                                          state_.step + 1);
  }

  Configuration configuration_;
  Objective objective_;
  Communicator communicator_;
  nn::Network<Ops> network_;
  TrainingState<Scalar> state_;
  TreeSum<Scalar> gradient_;  ///< of this rank's shards
  GradientNorm norm_;
  std::vector<double> losses_;   ///< of each
  std::size_t summed_from_ = 0;  ///< the sums over ranks of the gradient from here on have begun
  typename Objective::template Model<Ops> model_;
  std::vector<std::uint32_t> conditioning_;
  std::optional<State> batch_;
  std::optional<typename Objective::template Workspace<Ops>> work_;
  data::SharedImages images_;
  std::optional<data::ImageStream> stream_;
  std::vector<Scalar> images_of_batch_;
  std::vector<std::uint32_t> labels_;
  std::optional<StepReport> last_;
  bool reported_ = true;
  std::uint64_t skipped_ = 0;  ///< steps since the last finite one
};

/// The engine of a backend; specialize it for backends off the host.
template <class Ops>
struct training_engine_of {
  template <class Objective, class Optimizer, class Communicator>
  using type = EagerEngine<Ops, Objective, Optimizer, Communicator>;
};

}  // namespace scoresde
