// SPDX-License-Identifier: MIT
/// TrainingEngine: a Trainer's steps on the GPU; a step is a CUDA graph.
///
///   θ ← Optimizer(θ, ∇θ (1/B) Σₖ lossₖ),   average ← EMA(average, θ)
///
/// Steps are enqueued asynchronously; report() and state() wait. The first step of each kind (from
/// the data set, or from given images of that batch size) runs operation by operation to allocate
/// memory and build plans; later steps replay its graph. Random numbers (times, noise, masks,
/// dropped labels) and training state are those of the host's engine.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/cuda/context.hpp>
#include <scoresde/cuda/detail/training_kernels.hpp>
#include <scoresde/cuda/detail/training_memory.hpp>
#include <scoresde/cuda/detail/training_plan.hpp>
#include <scoresde/cuda/image_stream.hpp>
#include <scoresde/cuda/ops.hpp>
#include <scoresde/error.hpp>
#include <scoresde/loss/training_draws.hpp>
#include <scoresde/nn/runtime/network.hpp>
#include <scoresde/optim/communicator.hpp>
#include <scoresde/train/configuration.hpp>
#include <scoresde/train/eager_engine.hpp>
#include <scoresde/train/label_dropout.hpp>
#include <scoresde/train/objective.hpp>
#include <scoresde/train/trainer.hpp>
#include <scoresde/train/training_rules.hpp>
#include <scoresde/train/training_state.hpp>

namespace scoresde::cuda {

/// Trainer checks the arguments of its members.
template <class A, class Objective, class Optimizer, class Communicator>
class TrainingEngine {
  static constexpr bool classifies = CrossEntropyObjective<Objective>;
  static_assert(ResidualObjective<Objective> || classifies,
                "Trainer: on a GPU the loss must define its weight; it needs "
                "weighted_marginal(sde, t, dim) returning WeightedMarginal");
  static_assert(detail::has_update_kernels<Optimizer>,
                "Trainer: on a GPU the optimizer must be Adam, RAdam or Sgd, for which kernels are "
                "compiled");
  static_assert(std::same_as<Communicator, NoCommunicator>,
                "Trainer: on a GPU the communicator must be NoCommunicator");

 public:
  using Scalar = float;
  using Configuration = TrainingConfigurationWith<typename Objective::Loss, Optimizer>;
  static constexpr std::size_t reports_kept = detail::TrainingMemory::outcomes_kept;

  TrainingEngine(const nn::Graph& graph, Objective objective, Configuration configuration,
                 std::size_t network_batch, Ops<A> ops, Communicator communicator)
      : configuration_(std::move(configuration)),
        objective_(std::move(objective)),
        communicator_(communicator),
        ops_(ops),
        network_(graph, network_batch, nn::Mode::training, std::move(ops)),
        memory_(context(), network_.parameters().size()) {
    require(configuration_.ema_tracks.empty(), "training: configuration.ema_tracks has ",
            configuration_.ema_tracks.size(),
            " averages; it must be empty, a GPU keeps only the average of configuration.ema");
    require(configuration_.gradient_shards == 0, "training: configuration.gradient_shards is ",
            configuration_.gradient_shards, "; it must be 0 on a GPU, which has one rank");
    if constexpr (!classifies) network_.require_score_shape();
    restore(TrainingState<float>::start(
        initial_parameters<float>(network_.parameters(), configuration_.seed)));
  }
  TrainingEngine(const TrainingEngine&) = delete;
  TrainingEngine& operator=(const TrainingEngine&) = delete;

  [[nodiscard]] const Configuration& configuration() const { return configuration_; }
  [[nodiscard]] const Objective& objective() const { return objective_; }
  [[nodiscard]] const Communicator& communicator() const { return communicator_; }
  [[nodiscard]] const nn::Network<Ops<A>>& network() const { return network_; }
  [[nodiscard]] std::uint64_t step_count() const { return enqueued_; }
  [[nodiscard]] std::span<const float> weights() const { return memory_.parameters(); }
  [[nodiscard]] std::span<const float> average() const { return memory_.average(); }

  void set_captures(bool captures) { captures_ = captures; }

  /// Throws Error as ImageStream does.
  void train_on(data::SharedImages images, data::ImageTransform transform, std::uint64_t seed,
                std::size_t batch) {
    from_stream_.reset();
    stream_.emplace(context(), std::move(images), transform, seed);
    from_stream_.emplace(context(), batch, network_.batch(), dim(), outputs(), rows_ahead);
  }

  /// Enqueues one update from the data set. Throws Error if there is none, and for CUDA errors.
  void step() {
    require(from_stream_.has_value(),
            "training: there is no data set; call train_on before step(), or pass images to "
            "step()");
    detail::TrainingPlan& plan = *from_stream_;
    stream_->prepare(enqueued_ * plan.samples(), plan.samples());
    if (!plan.holds(enqueued_))
      fill(plan, [&](std::uint64_t step) {
        labels_.resize(classes() > 0 ? plan.samples() : 0);
        stream_->fill_labels(step * plan.samples(), labels_);
        return std::span<const std::uint32_t>(labels_);
      });
    run(plan, [&] {
      stream_->minibatch(0, plan.samples(), memory_.step(), plan.samples(), plan.images(0));
    });
  }

  /// Enqueues one update from images in host memory. Uploads of more than 4 MiB wait for the
  /// previous step. Throws Error for classes that the network does not have, and for a classifier
  /// unless every image has one.
  void step(std::span<const float> images, std::span<const std::uint32_t> classes) {
    const std::size_t samples = images.size() / dim();
    if (!from_images_ || from_images_->samples() != samples)
      from_images_.emplace(context(), samples, network_.batch(), dim(), outputs(), 1);
    detail::TrainingPlan& plan = *from_images_;
    fill(plan, [&](std::uint64_t) { return classes; });
    context().copy_to_device(plan.images(0), images.data(), images.size_bytes());
    run(plan, [] {});
  }

  [[nodiscard]] StepReport report() {
    require(any_, "training: there is no step to report; call step() first");
    return report_of(finished());
  }
  [[nodiscard]] std::vector<StepReport> reports() {
    finished();
    const std::uint64_t count = std::min<std::uint64_t>(enqueued_ - reported_, reports_kept);
    reported_ = enqueued_;
    std::vector<StepReport> reports;
    for (const detail::StepOutcome& outcome : memory_.outcomes(enqueued_ - count, enqueued_))
      reports.push_back(report_of(outcome));
    return reports;
  }

  /// Waits for all enqueued steps; throws Error as report does.
  [[nodiscard]] TrainingState<float> state() {
    finished();
    return memory_.read(enqueued_);
  }

  void restore(const TrainingState<float>& state) {
    memory_.write(state);
    begin_at(state.step);
  }

 private:
  /// Steps of a data set whose parameters are uploaded in one copy.
  static constexpr std::size_t rows_ahead = 64;

  [[nodiscard]] const Context& context() const { return ops_.context(); }
  [[nodiscard]] std::size_t dim() const { return network_.input_shape().size(); }
  [[nodiscard]] std::size_t outputs() const { return network_.output_shape().size(); }
  /// Of the labels of a batch.
  [[nodiscard]] std::size_t classes() const { return label_classes(objective_, network_); }

  [[nodiscard]] static StepReport report_of(const detail::StepOutcome& outcome) {
    return {outcome.loss, outcome.gradient_norm, outcome.learning_rate, outcome.finite != 0};
  }

  void begin_at(std::uint64_t step) {
    enqueued_ = reported_ = step;
    any_ = false;
    memory_.begin_at(step);
    for (auto* plan : {&from_stream_, &from_images_})
      if (*plan) (*plan)->forget_rows();
  }

  /// The outcome of the last step, after all of them. Throws Error if one was not finite after as
  /// many skipped steps as the configuration allows.
  detail::StepOutcome finished() {
    const detail::StepOutcome outcome = memory_.outcome();
    if (outcome.skipped > configuration_.skip_limit) {
      begin_at(outcome.updates);
      require_finite_step(outcome.updates, outcome.loss, outcome.gradient_norm, outcome.skipped);
    }
    return outcome;
  }

  /// Uploads the parameters of the coming steps; classes_of(step) returns the classes of a step.
  template <class ClassesOf>
  void fill(detail::TrainingPlan& plan, const ClassesOf& classes_of) {
    times_.resize(plan.samples());
    kept_classes_.resize(plan.samples());
    plan.fill_rows(
        enqueued_,
        [&](std::uint64_t step) {
          const TrainingDraws draws{configuration_.seed, step};
          objective_.draw_times(draws, times_);
          drop_labels(classes_of(step), classes(), configuration_.label_dropout, draws,
                      kept_classes_);
          if constexpr (classifies)
            for (const std::uint32_t label : kept_classes_)
              require(label < classes(), "classification: the label is ", label,
                      "; it must be below ", classes(), ", the number of classes");
          return std::span<const std::uint32_t>(kept_classes_);
        },
        [&](std::uint64_t, std::size_t k) { return numbers_at(times_[k]); });
  }
  [[nodiscard]] detail::PerSampleCoefficients numbers_at(double t) const {
    if constexpr (classifies) {
      const ClassificationTerms at = objective_.terms(t);
      return {at.mean, at.std, 0, 0, 0, at.label, network_.output_factor(at.label), at.input_scale};
    } else {
      const ResidualTerms at = objective_.terms(t, dim());
      return {at.mean,
              at.std,
              at.state,
              at.output,
              at.weight,
              at.label,
              network_.output_factor(at.label),
              at.input_scale};
    }
  }

  /// One step; `images` writes the minibatch to plan.images().
  template <class Images>
  void run(detail::TrainingPlan& plan, const Images& images) {
    plan.run(
        [&] {
          ops_.set_step_counter(memory_.step());
          plan.load_step_parameters(memory_.step());
          images();
          network_.freeze(memory_.parameters());
          for (std::size_t first = 0; first < plan.samples(); first += plan.part())
            accumulate(plan, first);
          network_.thaw();
          ops_.set_step_counter(nullptr);  // copies of the operations share the counter
          detail::DeviceParameters run = memory_.update_arguments();
          run.skip_limit = configuration_.skip_limit;
          detail::update_parameters(context(), run, configuration_.optimizer, configuration_.ema,
                                    plan.losses(0), plan.samples(), true);
        },
        captures_);
    memory_.keep_outcome(enqueued_++);
    any_ = true;
  }

  /// Accumulates the gradient of a part of the batch.
  void accumulate(detail::TrainingPlan& plan, std::size_t first) {
    const TrainingDraws draws{configuration_.seed, 0, static_cast<std::uint32_t>(first)};
    const detail::DeviceDraw z{draws.noise(), memory_.step()};
    const Extents shape = plan.part_extents();
    using Field = detail::SampleField;
    const auto at = [&](Field field) { return plan.numbers(field, first); };
    detail::perturb(context(), shape, at(Field::mean), at(Field::std), z, plan.images(first),
                    plan.perturbed());
    const float* in = plan.perturbed();
    if constexpr (Objective::scales_input) {
      ops_.scale_states(in, shape, {at(Field::input_scale), shape.samples}, plan.scaled());
      in = plan.scaled();
    }
    const nn::Conditioning conditioning{{at(Field::label), shape.samples},
                                        {at(Field::factor), shape.samples},
                                        {plan.classes(first), classifies ? 0 : shape.samples}};
    const std::span<float> f = plan.output();
    network_.forward_conditioned(memory_.parameters(), in, conditioning, f.data(), draws.dropout());
    const double share = 1.0 / static_cast<double>(plan.samples());
    if constexpr (classifies)
      detail::cross_entropy(context(), shape.samples, outputs(), plan.classes(first), share,
                            f.data(), f.data(), plan.losses(first));
    else
      detail::denoising_residual(context(), shape,
                                 {at(Field::state), at(Field::output), at(Field::weight)}, share, z,
                                 plan.perturbed(), f.data(), f.data(), plan.losses(first));
    network_.backward(memory_.parameters(), f, memory_.gradient());
  }

  Configuration configuration_;
  Objective objective_;
  Communicator communicator_;
  Ops<A> ops_;  // shares dropout's step counter with the network's operations
  nn::Network<Ops<A>> network_;
  detail::TrainingMemory memory_;
  std::optional<ImageStream> stream_;
  std::optional<detail::TrainingPlan> from_stream_, from_images_;
  std::vector<double> times_;
  std::vector<std::uint32_t> kept_classes_, labels_;
  std::uint64_t enqueued_ = 0, reported_ = 0;
  bool any_ = false, captures_ = true;
};

}  // namespace scoresde::cuda

namespace scoresde {

template <class A>
struct training_engine_of<cuda::Ops<A>> {
  template <class Objective, class Optimizer, class Communicator>
  using type = cuda::TrainingEngine<A, Objective, Optimizer, Communicator>;
};

}  // namespace scoresde
