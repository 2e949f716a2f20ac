// SPDX-License-Identifier: MIT
/// Trainer: trains a score network on the GPU by denoising score matching; a step is a CUDA graph.
///
///   θ ← Adam(θ, ∇θ (1/B) Σₖ lossₖ),   average ← EMA(average, θ)
///
/// Song et al. 2021 (arXiv:2011.13456), eq. 7 and appendix H. Random numbers (times, noise, masks,
/// dropped labels) and training state are those of the CPU's Trainer, so either can continue the
/// other's run. Resuming a run is bit-identical.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/cuda/context.hpp>
#include <scoresde/cuda/detail/network_kernels.hpp>
#include <scoresde/cuda/detail/training_kernels.hpp>
#include <scoresde/cuda/detail/training_memory.hpp>
#include <scoresde/cuda/detail/training_plan.hpp>
#include <scoresde/cuda/image_stream.hpp>
#include <scoresde/cuda/ops.hpp>
#include <scoresde/error.hpp>
#include <scoresde/loss/denoising_score_matching.hpp>
#include <scoresde/loss/training_draws.hpp>
#include <scoresde/loss/training_loss.hpp>
#include <scoresde/nn/runtime/network.hpp>
#include <scoresde/sde/sde.hpp>
#include <scoresde/train/configuration.hpp>
#include <scoresde/train/label_dropout.hpp>
#include <scoresde/train/training_rules.hpp>
#include <scoresde/train/training_state.hpp>

namespace scoresde::cuda {

/// Steps are enqueued asynchronously; report() and state() wait. The first step of each kind (from
/// the data set, or from given images of that batch size) runs operation by operation to allocate
/// memory and build plans; later steps replay its graph. Not thread-safe.
template <class A, Sde S, class Loss = DenoisingScoreMatching,
          class Convention = typename Loss::template Convention<S>>
class Trainer {
  static_assert(
      scoresde::trains_convention<Loss, Convention>,
      "Trainer: NoisePredictionAtLevel and ScoreAtLevel require DiscreteScoreMatching, and the "
      "other label conventions require a loss in continuous time");
  static_assert(WeightedResidualLoss<Loss, S>,
                "cuda::Trainer: the loss does not define its weight; it needs "
                "weighted_marginal(sde, t, dim) returning WeightedMarginal");

 public:
  /// Parameters are initialized by the network's rules with configuration.seed. Gradients are
  /// computed for `network_batch` samples at a time. Throws Error for an invalid configuration, for
  /// label dropout with an unconditional network, and if the device does not have enough memory.
  Trainer(const nn::Graph& graph, S sde, TrainingConfigurationWith<Loss> configuration,
          std::size_t network_batch, Ops<A> ops)
      : Trainer(graph, std::move(sde), configuration,
                scoresde::convention_for<Convention>(configuration.loss), network_batch,
                std::move(ops)) {}

  /// The same with a convention that has settings. Throws Error also if its σ_d is not the loss's,
  /// and if it rejects its settings.
  Trainer(const nn::Graph& graph, S sde, TrainingConfigurationWith<Loss> configuration,
          Convention convention, std::size_t network_batch, Ops<A> ops)
      : configuration_(configuration),
        sde_(std::move(sde)),
        convention_(std::move(convention)),
        ops_(ops),
        network_(graph, network_batch, nn::Mode::training, std::move(ops)),
        memory_(context(), network_.parameters().size()) {
    scoresde::check_training(configuration_, sde_, convention_, network_.classes());
    scoresde::require(
        configuration_.ema_tracks.empty(), "cuda::Trainer: configuration.ema_tracks has ",
        configuration_.ema_tracks.size(),
        " averages; it must be empty, a device keeps only the average of configuration.ema");
    network_.require_score_shape();
    if constexpr (requires { convention_.validate(); }) convention_.validate();
    restore(TrainingState<float>::start(
        scoresde::initial_parameters<float>(network_.parameters(), configuration_.seed)));
  }
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  [[nodiscard]] const TrainingConfigurationWith<Loss>& configuration() const {
    return configuration_;
  }
  [[nodiscard]] const S& sde() const { return sde_; }
  [[nodiscard]] const nn::ParameterTable& parameters() const { return network_.parameters(); }
  [[nodiscard]] const nn::Network<Ops<A>>& network() const { return network_; }
  [[nodiscard]] const Context& context() const { return ops_.context(); }
  /// Elements per image.
  [[nodiscard]] std::size_t dim() const { return network_.input_shape().size(); }
  /// Updates enqueued so far.
  [[nodiscard]] std::uint64_t step_count() const { return asked_; }
  /// Parameters and their average in device memory, for a ScoreNetwork of this context.
  [[nodiscard]] std::span<const float> device_parameters() const { return memory_.parameters(); }
  [[nodiscard]] std::span<const float> device_average() const { return memory_.average(); }

  /// Whether steps are captured and replayed (the default); results are bit-identical either way.
  void set_captures(bool captures) { captures_ = captures; }

  /// Copies a data set to the device. Step n then trains on images n·batch, n·batch + 1, … of its
  /// stream under `seed`, which is data::ImageStream's. Throws Error if the image shape is not the
  /// network's, for labels beyond the network's classes, and for a batch that is larger than the
  /// set or not a multiple of the network's batch.
  void train_on(const data::ImageSet& images, data::ImageTransform transform, std::uint64_t seed,
                std::size_t batch) {
    check_images(images, batch);
    from_stream_.reset();
    stream_.emplace(context(), images, transform, seed);
    from_stream_.emplace(context(), batch, network_.batch(), dim(), rows_ahead);
  }

  /// Enqueues one update from the data set. Throws Error if there is none, and for CUDA errors.
  void step() {
    scoresde::require(from_stream_.has_value(),
                      "training: there is no data set; call train_on before step(), "
                      "or pass images to step()");
    detail::TrainingPlan& plan = *from_stream_;
    stream_->upload_epoch_permutation(asked_ * plan.samples(), plan.samples());
    if (!plan.holds(asked_))
      fill(plan, [&](std::uint64_t step) {
        labels_.resize(network_.classes() > 0 ? plan.samples() : 0);
        stream_->fill_labels(step * plan.samples(), labels_);
        return std::span<const std::uint32_t>(labels_);
      });
    run(plan, [&] {
      stream_->minibatch(0, plan.samples(), memory_.step(), plan.samples(), plan.images(0));
    });
  }

  /// Enqueues one update from a batch of images (n, C, H, W) and, for a class-conditional network,
  /// the class of each or nn::no_class. Batches larger than the network's are accumulated in parts.
  /// Uploads of more than 4 MiB wait for the previous step. Throws Error unless n is at most the
  /// network's batch or a multiple of it, and for classes that the network does not have.
  void step(std::span<const float> images, std::span<const std::uint32_t> classes = {}) {
    const std::size_t samples = scoresde::checked_samples(images.size(), dim(), network_.batch());
    if (!from_images_ || from_images_->samples() != samples)
      from_images_.emplace(context(), samples, network_.batch(), dim(), 1);
    detail::TrainingPlan& plan = *from_images_;
    fill(plan, [&](std::uint64_t) { return classes; });
    context().copy_to_device(plan.images(0), images.data(), images.size_bytes());
    run(plan, [] {});
  }

  /// Waits for all enqueued steps and reports the last one. Throws Error if there was none, and if
  /// the loss or gradient of a step was not finite: the state is then that before this step, and
  /// later steps were skipped.
  StepReport report() {
    scoresde::require(any_, "training: there is no step to report; call step() first");
    return report_of(resolve_defaults());
  }

  /// The number of latest steps kept for reports().
  static constexpr std::size_t reports_kept = detail::TrainingMemory::outcomes_kept;
  /// Reports of all steps since the last call or restore(), at most the latest reports_kept. Waits
  /// for all enqueued steps; throws Error as report does, but returns an empty vector if there are
  /// none.
  std::vector<StepReport> reports() {
    resolve_defaults();
    const std::uint64_t count = std::min<std::uint64_t>(asked_ - reported_, reports_kept);
    reported_ = asked_;
    std::vector<StepReport> reports;
    for (const detail::StepOutcome& outcome : memory_.outcomes(asked_ - count, asked_))
      reports.push_back(report_of(outcome));
    return reports;
  }

  /// The state after all enqueued steps. Waits for them; throws Error as report does.
  [[nodiscard]] TrainingState<float> state() {
    resolve_defaults();
    return memory_.read(asked_);
  }

  /// Continues from another state. Throws Error if its size is not the network's.
  void restore(const TrainingState<float>& state) {
    state.check(parameters().size());
    memory_.write(state);
    begin_at(state.step);
  }

 private:
  /// Steps of a data set whose parameters are uploaded in one copy.
  static constexpr std::size_t rows_ahead = 64;
  static constexpr bool scales_input = requires(const Convention& convention, const S& sde) {
    convention.input_scale(sde, 0.0);
  };

  void check_images(const data::ImageSet& images, std::size_t batch) const {
    const nn::Shape shape = network_.input_shape();
    require(images.channels == shape.c && images.height == shape.h && images.width == shape.w,
            "training: the images have ", images.channels, " channels of ", images.height, " by ",
            images.width, " pixels; the network requires ", shape.c, " of ", shape.h, " by ",
            shape.w);
    scoresde::require_samples(batch, network_.batch());
    require(batch <= images.size(), "training: batch is ", batch, " and the data set has ",
            images.size(), " images; batch must be at most that");
    if (network_.classes() == 0) return;
    for (const std::uint8_t label : images.labels)
      require(label < network_.classes(), "training: an image has label ", +label,
              "; it must be less than the network's ", network_.classes(), " classes");
  }

  [[nodiscard]] double input_scale([[maybe_unused]] double t) const {
    if constexpr (scales_input)
      return convention_.input_scale(sde_, t);
    else
      return 1;
  }

  [[nodiscard]] static StepReport report_of(const detail::StepOutcome& outcome) {
    return {outcome.loss, outcome.gradient_norm, outcome.learning_rate};
  }

  void begin_at(std::uint64_t step) {
    asked_ = reported_ = step;
    any_ = false;
    memory_.begin_at(step);
    for (auto* plan : {&from_stream_, &from_images_})
      if (*plan) (*plan)->forget_rows();
  }

  detail::StepOutcome resolve_defaults() {
    const detail::StepOutcome outcome = memory_.outcome();
    if (outcome.finite == 0) {
      begin_at(outcome.updates);
      scoresde::require_finite_step(outcome.updates, outcome.loss, outcome.gradient_norm);
    }
    return outcome;
  }

  /// Uploads the parameters of the coming steps; classes_of(step) returns the classes of a step.
  template <class ClassesOf>
  void fill(detail::TrainingPlan& plan, const ClassesOf& classes_of) {
    times_.resize(plan.samples());
    kept_classes_.resize(plan.samples());
    plan.fill_rows(
        asked_,
        [&](std::uint64_t step) {
          const TrainingDraws draws{configuration_.seed, step};
          configuration_.loss.draw_times(sde_, draws.time(), times_);
          scoresde::drop_labels(classes_of(step), network_.classes(), configuration_.label_dropout,
                                draws, kept_classes_);
          return std::span<const std::uint32_t>(kept_classes_);
        },
        [&](std::uint64_t, std::size_t k) { return numbers_at(times_[k]); });
  }
  [[nodiscard]] detail::PerSampleCoefficients numbers_at(double t) const {
    const double label = convention_.label(sde_, t);
    const auto c = scoresde::denoising_coefficients(
        configuration_.loss.weighted_marginal(sde_, t, dim()), convention_.score_form(sde_, t));
    return {c.mean,        c.std, c.state, c.output, c.weight, label, network_.output_factor(label),
            input_scale(t)};
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
          detail::update_parameters(context(), memory_.update_arguments(), configuration_.optimizer,
                                    configuration_.ema, plan.losses(0), plan.samples(), true);
        },
        captures_);
    memory_.keep_outcome(asked_++);
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
    if constexpr (scales_input) {
      detail::scale_samples<float>(context(), {in, {shape.samples, shape.dim, 1, 1}},
                                   at(Field::input_scale), {plan.scaled()});
      in = plan.scaled();
    }
    const nn::Conditioning conditioning{{at(Field::label), shape.samples},
                                        {at(Field::factor), shape.samples},
                                        {plan.classes(first), shape.samples}};
    const std::span<float> f = plan.output();
    network_.forward_conditioned(memory_.parameters(), in, conditioning, f.data(), draws.dropout());
    detail::denoising_residual(context(), shape,
                               {at(Field::state), at(Field::output), at(Field::weight)},
                               1.0 / static_cast<double>(plan.samples()), z, plan.perturbed(),
                               f.data(), f.data(), plan.losses(first));
    network_.backward(memory_.parameters(), f, memory_.gradient());
  }

  TrainingConfigurationWith<Loss> configuration_;
  S sde_;
  Convention convention_;
  Ops<A> ops_;  // shares dropout's step counter with the network's operations
  nn::Network<Ops<A>> network_;
  detail::TrainingMemory memory_;
  std::optional<ImageStream> stream_;
  std::optional<detail::TrainingPlan> from_stream_, from_images_;
  std::vector<double> times_;
  std::vector<std::uint32_t> kept_classes_, labels_;
  std::uint64_t asked_ = 0, reported_ = 0;
  bool any_ = false, captures_ = true;
};

}  // namespace scoresde::cuda
