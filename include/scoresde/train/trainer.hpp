// SPDX-License-Identifier: MIT
/// Trainer: trains a network on any backend, one update per batch.
///
///   θ ← Optimizer(θ, ∇θ (1/B) Σₖ lossₖ),   average ← EMA(average, θ),   trackⱼ ← EMAⱼ(trackⱼ, θ)
///
/// Song et al. 2021 (arXiv:2011.13456), eq. 7 and appendix H. Random numbers and training state are
/// the same on every backend, so any can continue another's run; resuming is bit-identical. A
/// class-conditional network learns the score of every class and, with the rate of label_dropout,
/// the unconditional score.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <scoresde/data/image_set.hpp>
#include <scoresde/data/image_stream.hpp>
#include <scoresde/error.hpp>
#include <scoresde/model/model_ops.hpp>
#include <scoresde/nn/graph/graph.hpp>
#include <scoresde/nn/graph/ops.hpp>
#include <scoresde/nn/graph/parameters.hpp>
#include <scoresde/nn/runtime/network.hpp>
#include <scoresde/optim/adam.hpp>
#include <scoresde/optim/communicator.hpp>
#include <scoresde/train/configuration.hpp>
#include <scoresde/train/eager_engine.hpp>
#include <scoresde/train/objective.hpp>
#include <scoresde/train/score_matching.hpp>
#include <scoresde/train/training_rules.hpp>
#include <scoresde/train/training_state.hpp>

namespace scoresde {

/// A batch of T in host memory: a vector, a HostState, an Eigen array, (n, C, H, W).
template <class Images, class T>
concept HostImages = requires(const Images& images) {
  { *images.data() } -> std::same_as<const T&>;
  { images.size() } -> std::convertible_to<std::size_t>;
};

/// step() enqueues an update; report(), reports() and state() wait for it. On the host an update is
/// done when step() returns. Not thread-safe.
template <class Ops, class O, class Rule = Adam, class C = NoCommunicator>
class Trainer {
  static_assert(Objective<O, Ops>,
                "Trainer: the second argument is not an objective for this backend; "
                "ScoreMatching<Sde, Loss> trains a score network");
  static_assert(Communicator<C, typename Ops::Scalar>,
                "Trainer: this is not a communicator; it needs rank(), size(), all_reduce(values) "
                "and broadcast(values), as NoCommunicator has");
  using Engine = typename training_engine_of<Ops>::template type<O, Rule, C>;

 public:
  using Scalar = typename Ops::Scalar;
  using Configuration = TrainingConfigurationWith<typename O::Loss, Rule>;

  /// Parameters are initialized by the network's rules and configuration.seed. `network_batch` is
  /// the number of samples differentiated at a time; with several ranks, each has a part of every
  /// batch. Throws Error on an invalid configuration, on gradient shards that cannot be divided
  /// among the ranks, on label dropout for an unconditional network, and if there is not enough
  /// memory.
  Trainer(const nn::Graph& graph, O objective, Configuration configuration,
          std::size_t network_batch, Ops ops = Ops(), C communicator = C())
      : engine_(graph, configured(std::move(objective), configuration, communicator), configuration,
                network_batch, std::move(ops), std::move(communicator)) {
    require(configuration.label_dropout == 0 || network().classes() > 0,
            "training: label_dropout is ", configuration.label_dropout,
            "; it must be 0 for an unconditional network (num_class_embeds is 0)");
  }
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  [[nodiscard]] const Configuration& configuration() const { return engine_.configuration(); }
  [[nodiscard]] const O& objective() const { return engine_.objective(); }
  [[nodiscard]] const auto& sde() const { return objective().sde(); }
  [[nodiscard]] const auto& convention() const { return objective().convention(); }
  [[nodiscard]] const nn::Network<Ops>& network() const { return engine_.network(); }
  [[nodiscard]] const nn::ParameterTable& parameters() const { return network().parameters(); }
  /// Number of elements of an image.
  [[nodiscard]] std::size_t dim() const { return network().input_shape().size(); }
  /// Number of updates, enqueued ones included.
  [[nodiscard]] std::uint64_t step_count() const { return engine_.step_count(); }
  /// Parameters and their average in the backend's memory, for a ScoreNetwork.
  [[nodiscard]] std::span<const Scalar> weights() const { return engine_.weights(); }
  [[nodiscard]] std::span<const Scalar> average() const { return engine_.average(); }
  /// Gradient of the last step's batch, before clipping; on the host.
  [[nodiscard]] auto gradient() const { return engine_.gradient(); }

  /// The state after all enqueued steps: a reference on the host, a copy elsewhere. Throws Error as
  /// report does.
  [[nodiscard]] decltype(auto) state() { return engine_.state(); }
  [[nodiscard]] decltype(auto) state() const { return engine_.state(); }

  /// Continues from another state. Throws Error when its size is not the network's, or its number
  /// of tracks is not the configuration's.
  void restore(const TrainingState<Scalar>& state) {
    state.check(parameters().size(), configuration().ema_tracks.size());
    engine_.restore(state);
  }

  /// Keeps a data set; a GPU has a copy where it fits into its memory. Step n then trains on images
  /// n·batch, n·batch + 1, … of its stream under `seed`, data::ImageStream's. Throws Error if the
  /// image shape is not the network's, for missing labels and those beyond the network's classes,
  /// and for a batch that is larger than the set or whose part of a rank is not a multiple of the
  /// network's batch.
  void train_on(data::SharedImages images, data::ImageTransform transform, std::uint64_t seed,
                std::size_t batch) {
    check_images(images.view(), batch);
    engine_.train_on(std::move(images), transform, seed, batch);
  }

  /// One update from the data set. Throws Error if there is none, and as below.
  void step() { engine_.step(); }

  /// One update from a batch of images (n, C, H, W), with several ranks this rank's part of it,
  /// and, for a class-conditional network, the class of each or nn::no_class. A batch larger than
  /// the network's is accumulated in parts. Throws Error when n is neither at most the network's
  /// batch nor a multiple of it, or for gradient shards of which this does not hold, for classes
  /// that are not the network's and, on the host, on a loss or gradient that is not finite after
  /// configuration.skip_limit skipped steps; the state is then unchanged.
  void step(std::span<const Scalar> images, std::span<const std::uint32_t> classes = {}) {
    require_batch(images.size(), dim(), shards(), network().batch());
    engine_.step(images, classes);
  }
  template <HostImages<Scalar> Images>
  void step(const Images& images, std::span<const std::uint32_t> classes = {}) {
    step(std::span<const Scalar>(images.data(), static_cast<std::size_t>(images.size())), classes);
  }

  /// Waits for all enqueued steps and reports the last one. Throws Error if there was none, and if
  /// the loss or gradient of a step was not finite after configuration.skip_limit skipped steps:
  /// the state is then that before this step, and later steps had no effect.
  [[nodiscard]] StepReport report() { return engine_.report(); }

  /// The number of latest steps kept for reports().
  static constexpr std::size_t reports_kept = Engine::reports_kept;
  /// Reports of all steps since the last call or restore(), at most the latest reports_kept. Throws
  /// Error as report does, but returns an empty vector if there are none.
  [[nodiscard]] std::vector<StepReport> reports() { return engine_.reports(); }

  /// Whether steps are captured and replayed (the default), on a backend that can; results are
  /// bit-identical either way.
  void set_captures(bool captures) { engine_.set_captures(captures); }

 private:
  [[nodiscard]] static O configured(O objective, const Configuration& configuration,
                                    const C& communicator) {
    configuration.validate();
    require(configuration.gradient_shards == 0 || sums_in_tree<C>, "training: gradient_shards is ",
            configuration.gradient_shards,
            "; it must be 0 with a communicator that does not state sums_in_tree");
    require_shards(configuration.gradient_shards, communicator.size());
    objective.configure(configuration.loss);
    return objective;
  }

  /// Of this rank.
  [[nodiscard]] std::size_t shards() const {
    return shards_of_rank(configuration().gradient_shards, engine_.communicator().size());
  }

  void check_images(const data::ImageView& images, std::size_t batch) const {
    const nn::Shape shape = network().input_shape();
    require(images.channels == shape.c && images.height == shape.h && images.width == shape.w,
            "training: the images have ", images.channels, " channels of ", images.height, " by ",
            images.width, " pixels; the network requires ", shape.c, " of ", shape.h, " by ",
            shape.w);
    const std::size_t ranks = engine_.communicator().size();
    require(batch % ranks == 0, "training: batch is ", batch, "; it must be a multiple of the ",
            ranks, " ranks");
    require_shardable(batch / ranks, shards(), network().batch());
    require(batch <= images.size(), "training: batch is ", batch, " and the data set has ",
            images.size(), " images; batch must be at most that");
    const std::size_t classes = label_classes(objective(), network());
    if (classes == 0) return;
    require(images.labels.size() == images.size(), "training: the data set has ",
            images.labels.size(), " labels for ", images.size(),
            " images; a network conditioned on classes requires one for each");
    for (const std::uint32_t label : images.labels)
      require(label < classes, "training: an image has label ", label,
              "; it must be less than the network's ", classes, " classes");
  }

  Engine engine_;
};

}  // namespace scoresde
