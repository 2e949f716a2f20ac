// SPDX-License-Identifier: MIT
/// ScoreNetwork: a network, its parameters and an SDE as a score model, on every backend.
///
///   ∇log p_t(x) ≈ p(t)·x + q(t)·F(c(t)·x, label(t); θ)
///
/// label, p, q and c are defined by the convention (model/label_convention.hpp). Song et al. 2021
/// (arXiv:2011.13456), appendix C and G.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/model/label_convention.hpp>
#include <scoresde/model/model_ops.hpp>
#include <scoresde/nn/runtime/network.hpp>
#include <scoresde/score/score_model.hpp>
#include <scoresde/sde/sde.hpp>

namespace scoresde::nn {

/// Models ScoreModel, PerSampleScoreModel, TrainableScoreModel and DifferentiableScoreModel over
/// Ops::State and, on the host, over every ContiguousHostState; where the backend is captured, also
/// cuda::GraphCapturableScoreModel. Where a state's scalar is not the network's, or the convention
/// scales x, values are copied through a buffer of one network batch, allocated at first use. Holds
/// references to the network and the parameters, which are in the backend's memory and must outlive
/// it. Not thread-safe.
template <ModelOps Ops, Sde S, class Convention = typename convention_of<S>::type>
class ScoreNetwork {
  static_assert(convention_fits<Convention, S>,
                "ScoreNetwork: a convention of discrete noise levels requires an SDE with "
                "training_steps() and training_time(i): DdpmSde, SmldSde, DiscreteVpSde or "
                "DiscreteVeSde (sub-VP has no such levels)");

 public:
  using Scalar = typename Ops::Scalar;
  using State = typename Ops::State;

  /// Throws Error unless there is one scalar per parameter of the network and its output has the
  /// shape of its input, and for a convention whose `validate` throws.
  ScoreNetwork(Network<Ops>& network, std::span<const Scalar> parameters, S sde,
               Convention convention = {})
      : network_(&network),
        parameters_(parameters),
        sde_(std::move(sde)),
        convention_(std::move(convention)) {
    network.require_parameters("score network", parameters);
    network.require_score_shape();
    if constexpr (requires { convention_.validate(); }) convention_.validate();
  }

  [[nodiscard]] ScoreForm score_form(double t) const { return convention_.score_form(sde_, t); }
  [[nodiscard]] double label(double t) const { return convention_.label(sde_, t); }
  [[nodiscard]] const S& sde() const { return sde_; }
  [[nodiscard]] const Convention& convention() const { return convention_; }
  [[nodiscard]] std::span<const Scalar> parameters() const { return parameters_; }
  [[nodiscard]] Network<Ops>& network() const { return *network_; }
  /// Number of elements of a sample.
  [[nodiscard]] std::size_t dim() const { return network_->input_shape().size(); }

  /// output ← F(x, t) with one time for all samples; larger batches than the network's are split.
  /// Throws Error unless each sample has dim() elements, and during the capture of a graph.
  template <NetworkState<Ops> X>
  void evaluate(const X& x, double t, X& output) {
    const TimeConditioning conditioning = conditioning_at(t);
    evaluate_parts(x, output, [conditioning](std::size_t) { return conditioning; });
  }

  /// The same with one time per sample. Also throws Error unless there are as many times as
  /// samples.
  template <NetworkState<Ops> X>
  void evaluate(const X& x, std::span<const double> times, X& output) {
    check_times(times, x);
    evaluate_parts(x, output, [&](std::size_t k) { return conditioning_at(times[k]); });
  }

  /// The conditioning of an evaluation at t: labels, output factors and input scales, one of each
  /// for every sample of a part. Valid until the next call.
  [[nodiscard]] std::span<const double> conditioning(double t) requires CapturableOps<Ops> {
    const TimeConditioning at = conditioning_at(t);
    const std::array values{at.label, network_->output_factor(at.label), at.scale};
    captured_.clear();
    for (const double value : values) captured_.insert(captured_.end(), network_->batch(), value);
    return captured_;
  }

  /// evaluate(x, t, output) with conditioning(t) in the backend's memory: no copies, no classes.
  template <class O = Ops>
  requires CapturableOps<O>
  void evaluate(const State& x, typename O::Coefficients conditioning, State& output) {
    scoresde::require(
        classes_.empty(),
        "score network: classes are set; a captured run cannot be conditioned on classes");
    const auto [samples, dim] = checked_extents(x, output);
    const std::size_t n = network_->batch();
    for (std::size_t first = 0; first < samples; first += n) {
      const std::size_t count = std::min(n, samples - first);
      const Scalar* in = Ops::elements(x) + first * dim;
      if constexpr (scales_input) in = scaled(in, {conditioning.data + 2 * n, count}, staging(0));
      network_->forward_conditioned(
          parameters_, in, {{conditioning.data, count}, {conditioning.data + n, count}, {}},
          Ops::elements(output) + first * dim);
    }
  }

  /// out ← vᵀ ∂F/∂x at (x, t). The network's mode should be Mode::differentiation, because training
  /// applies dropout. Throws Error in inference mode, and as evaluate does.
  template <NetworkState<Ops> X>
  void vjp(const X& x, double t, const X& v, X& out) {
    const TimeConditioning conditioning = conditioning_at(t);
    differentiate_parts(
        x, [conditioning](std::size_t) { return conditioning; }, v, static_cast<X*>(nullptr), out);
  }
  /// The same with one time per sample.
  template <NetworkState<Ops> X>
  void vjp(const X& x, std::span<const double> times, const X& v, X& out) {
    check_times(times, x);
    differentiate_parts(
        x, [&](std::size_t k) { return conditioning_at(times[k]); }, v, static_cast<X*>(nullptr),
        out);
  }

  /// output ← F(x, t) and out ← vᵀ ∂F/∂x in one forward and one backward pass. Throws Error as vjp
  /// does.
  template <NetworkState<Ops> X>
  void evaluate_with_vjp(const X& x, double t, const X& v, X& output, X& out) {
    const TimeConditioning conditioning = conditioning_at(t);
    differentiate_parts(
        x, [conditioning](std::size_t) { return conditioning; }, v, &output, out);
  }
  /// The same with one time per sample.
  template <NetworkState<Ops> X>
  void evaluate_with_vjp(const X& x, std::span<const double> times, const X& v, X& output, X& out) {
    check_times(times, x);
    differentiate_parts(
        x, [&](std::size_t k) { return conditioning_at(times[k]); }, v, &output, out);
  }

  /// Selects the dropout masks of later evaluations; only training mode has dropout.
  void set_dropout(NoiseDraw draw) { dropout_ = draw; }

  /// Sets the class of each sample of later evaluations, or nn::no_class; empty: unconditional. The
  /// values must outlive the evaluations. Captured runs throw Error if classes are set.
  void set_classes(std::span<const std::uint32_t> classes) { classes_ = classes; }

  /// gradient += Σ vᵀ ∂F/∂θ at the batch of the last evaluation, which must not exceed the
  /// network's batch. Throws Error otherwise, and for a network in inference mode.
  template <NetworkState<Ops> X>
  void backward(const X& v, std::span<Scalar> gradient) {
    const Extents shape = checked_extents(v, v);
    scoresde::require(evaluated_ == shape.samples && shape.samples <= network_->batch(),
                      "score network: backward for ", shape.samples,
                      " samples after an evaluation of ", evaluated_,
                      "; it must follow one of the same batch, of at most ", network_->batch());
    evaluated_ = 0;
    network_->backward(parameters_, read(v, 0, shape.samples, 0), gradient);
  }

 private:
  template <class X>
  static constexpr bool same_scalar = std::is_same_v<typename element_of<X, Ops>::type, Scalar>;

  static constexpr bool scales_input = requires(const Convention& convention, const S& sde) {
    convention.input_scale(sde, 0.0);
  };

  /// The network's input in addition to x: its label, and the factor of x.
  struct TimeConditioning {
    double label, scale;
  };
  [[nodiscard]] TimeConditioning conditioning_at(double t) const {
    if constexpr (scales_input)
      return {label(t), convention_.input_scale(sde_, t)};
    else
      return {label(t), 1};
  }

  template <class X, class ConditioningOf>
  void evaluate_parts(const X& x, X& output, const ConditioningOf& conditioning_of) {
    const auto [samples, dim] = checked_extents(x, output);
    evaluated_ = 0;
    for (std::size_t first = 0; first < samples; first += network_->batch()) {
      const std::size_t count = std::min(network_->batch(), samples - first);
      Scalar* const to = same_scalar<X> ? result_of(output, first) : staging(1);
      forward_part(x, first, count, conditioning_of, to);
      deliver(to, count * dim, output, first);
    }
    evaluated_ = samples;
  }

  /// out ← vᵀ ∂F/∂x, and *output ← F(x) unless output is null.
  template <class X, class ConditioningOf>
  void differentiate_parts(const X& x, const ConditioningOf& conditioning_of, const X& v, X* output,
                           X& out) {
    const auto [samples, dim] = checked_extents(x, out);
    static_cast<void>(checked_extents(x, v));
    if (output != nullptr) static_cast<void>(checked_extents(x, *output));
    evaluated_ = 0;
    for (std::size_t first = 0; first < samples; first += network_->batch()) {
      const std::size_t count = std::min(network_->batch(), samples - first), size = count * dim;
      const bool in_place = same_scalar<X> && output != nullptr;
      Scalar* const value = in_place ? result_of(*output, first) : staging(1);
      forward_part(x, first, count, conditioning_of, value);
      if (output != nullptr) deliver(value, size, *output, first);
      Scalar* const to = same_scalar<X> ? result_of(out, first) : staging(1);
      network_->backward(parameters_, read(v, first, count, 2), {}, {to, size});
      if constexpr (scales_input) static_cast<void>(scaled(to, placed_scales(count), to));
      deliver(to, size, out, first);
    }
  }

  template <class X>
  static void check_times(std::span<const double> times, const X& x) {
    scoresde::require(times.size() == extents(x).samples, "score network: ", times.size(),
                      " times for ", extents(x).samples, " samples; there must be one per sample");
  }

  /// y ← F of samples first, …, first + count − 1 of x, with their labels and scales.
  template <class X, class ConditioningOf>
  void forward_part(const X& x, std::size_t first, std::size_t count,
                    const ConditioningOf& conditioning_of, Scalar* y) {
    const auto [samples, dim] = extents(x);
    scoresde::require(classes_.empty() || classes_.size() == samples,
                      "score network: ", classes_.size(), " classes for ", samples,
                      " samples; there must be one per sample");
    labels_.resize(count);
    scales_.resize(scales_input ? count : 0);
    for (std::size_t k = 0; k < count; ++k) {
      const TimeConditioning at = conditioning_of(first + k);
      labels_[k] = at.label;
      if constexpr (scales_input) scales_[k] = at.scale;
    }
    NoiseDraw dropout = dropout_;
    dropout.first_sample += static_cast<std::uint32_t>(first);
    std::span<const Scalar> in = read(x, first, count, 0);
    if constexpr (scales_input)
      in = {scaled(in.data(), placed_scales(count), staging(0)), in.size()};
    network_->forward(parameters_, in, labels_, {y, count * dim}, dropout,
                      classes_.empty() ? classes_ : classes_.subspan(first, count));
  }

  template <class X>
  [[nodiscard]] Extents checked_extents(const X& x, const X& output) const {
    const Extents shape = extents(x);
    scoresde::require(shape.dim == dim(), "score network: x has ", shape.dim,
                      " elements per sample; it must have ", dim());
    scoresde::require(extents(output) == shape, "score network: x has ", shape.samples,
                      " samples of ", shape.dim, "; the output has ", extents(output).samples,
                      " of ", extents(output).dim);
    return shape;
  }

  /// The scales of the last part, in the backend's memory.
  std::span<const double> placed_scales(std::size_t count) {
    if (!scale_buffer_)
      scale_buffer_.emplace(network_->ops().make_conditioning_buffer(network_->batch()));
    return scale_buffer_->place({.labels = std::span<const double>(scales_).first(count)}).labels;
  }
  /// to ← the samples times one factor each.
  Scalar* scaled(const Scalar* from, std::span<const double> factors, Scalar* to) {
    network_->ops().scale_states(from, {factors.size(), dim()}, factors, to);
    return to;
  }

  /// `count` samples as the network's scalars: in place, or converted in a buffer.
  template <class X>
  std::span<const Scalar> read(const X& x, std::size_t first, std::size_t count,
                               std::size_t buffer) {
    const std::size_t size = count * dim();
    if constexpr (std::is_same_v<X, State>) {
      return {Ops::elements(x) + first * dim(), size};
    } else if constexpr (same_scalar<X>) {
      return {x.data() + first * dim(), size};
    } else {
      convert(x.data() + first * dim(), staging(buffer), size);
      return {staging(buffer), size};
    }
  }
  /// Where the network's output for sample `first` and later ones lies in a state of its scalars.
  template <class X>
  [[nodiscard]] Scalar* result_of(X& x, std::size_t first) const {
    if constexpr (std::is_same_v<X, State>)
      return Ops::elements(x) + first * dim();
    else if constexpr (same_scalar<X>)
      return x.data() + first * dim();
    else
      return nullptr;
  }
  /// Copies a result to a state of other scalars.
  template <class X>
  void deliver([[maybe_unused]] const Scalar* from, [[maybe_unused]] std::size_t size,
               [[maybe_unused]] X& x, [[maybe_unused]] std::size_t first) const {
    if constexpr (!same_scalar<X>) convert(from, x.data() + first * dim(), size);
  }

  template <class From, class To>
  static void convert(const From* from, To* to, std::size_t count) {
    std::transform(from, from + count, to, [](From value) { return static_cast<To>(value); });
  }

  /// Memory of one network batch, allocated at first use: x, F and v.
  Scalar* staging(std::size_t which) {
    if (!staging_[which])
      staging_[which].emplace(network_->ops().allocate(network_->batch() * dim()));
    return staging_[which]->data();
  }

  Network<Ops>* network_;
  std::span<const Scalar> parameters_;
  S sde_;
  Convention convention_;
  std::vector<double> labels_, scales_, captured_;
  std::array<std::optional<typename Ops::Buffer>, 3> staging_;
  std::optional<typename Ops::ConditioningBuffer> scale_buffer_;
  std::span<const std::uint32_t> classes_;
  NoiseDraw dropout_{};
  std::size_t evaluated_ = 0;
};

}  // namespace scoresde::nn
