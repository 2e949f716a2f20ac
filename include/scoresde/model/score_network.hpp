// SPDX-License-Identifier: MIT
/// ScoreNetwork: a network, its parameters and an SDE as a score model over contiguous host states.
///
///   ∇log p_t(x) ≈ p(t)·x + q(t)·F(c(t)·x, label(t); θ)
///
/// label, p, q and c are defined by the convention (model/label_convention.hpp). Song et al. 2021
/// (arXiv:2011.13456), appendix C and G.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/model/label_convention.hpp>
#include <scoresde/nn/runtime/network.hpp>
#include <scoresde/score/score_model.hpp>
#include <scoresde/sde/sde.hpp>

namespace scoresde::nn {

/// A state with contiguous elements in host memory, element e of sample k at k·dim + e.
template <class X>
concept ContiguousHostState = State<X> && requires(const X& x, X& out) {
  { *x.data() } -> std::convertible_to<double>;
  *out.data() = *x.data();
};

/// Models ScoreModel, PerSampleScoreModel, TrainableScoreModel and DifferentiableScoreModel over
/// every ContiguousHostState. Where its scalar is not the network's, or the convention scales x,
/// values are copied through a buffer of one network batch. Holds references to the network and the
/// parameters, which must outlive it. Not thread-safe.
template <NetworkOps Ops, Sde S, class Convention = typename convention_of<S>::type>
class ScoreNetwork {
  static_assert(convention_fits<Convention, S>,
                "ScoreNetwork: a convention of discrete noise levels requires an SDE with "
                "training_steps() and training_time(i): DdpmSde, SmldSde, DiscreteVpSde or "
                "DiscreteVeSde (sub-VP has no such levels)");

 public:
  using Scalar = typename Ops::Scalar;

  /// Throws Error unless there is one scalar per parameter of the network and its output has the
  /// shape of its input, and for a convention whose `validate` throws.
  ScoreNetwork(Network<Ops>& network, std::span<const Scalar> parameters, S sde,
               Convention convention = {})
      : network_(&network),
        parameters_(parameters),
        sde_(std::move(sde)),
        convention_(std::move(convention)),
        labels_(network.batch()) {
    scoresde::require(parameters.size() == network.parameters().size(),
                      "score network: the buffer of parameters has ", parameters.size(),
                      " scalars; the network's has ", network.parameters().size());
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
  /// Throws Error unless each sample has dim() elements.
  template <ContiguousHostState X>
  void evaluate(const X& x, double t, X& output) {
    const TimeConditioning conditioning = conditioning_at(t);
    evaluate_parts(x, output, [conditioning](std::size_t) { return conditioning; });
  }

  /// The same with one time per sample. Also throws Error unless there are as many times as
  /// samples.
  template <ContiguousHostState X>
  void evaluate(const X& x, std::span<const double> times, X& output) {
    scoresde::require(times.size() == extents(x).samples, "score network: ", times.size(),
                      " times for ", extents(x).samples, " samples; there must be one per sample");
    evaluate_parts(x, output, [&](std::size_t k) { return conditioning_at(times[k]); });
  }

  /// out ← vᵀ ∂F/∂x at (x, t). The network's mode should be Mode::differentiation, because training
  /// applies dropout. Throws Error in inference mode, and as evaluate does.
  template <ContiguousHostState X>
  void vjp(const X& x, double t, const X& v, X& out) {
    const auto [samples, dim] = checked_extents(x, out);
    static_cast<void>(checked_extents(x, v));
    const TimeConditioning conditioning = conditioning_at(t);
    result_.resize(network_->batch() * dim);
    cotangent_.resize(network_->batch() * dim);
    evaluated_ = 0;
    for (std::size_t first = 0; first < samples; first += network_->batch()) {
      const std::size_t count = std::min(network_->batch(), samples - first), size = count * dim;
      forward_part(
          x, first, count, [conditioning](std::size_t) { return conditioning; }, result_.data());
      convert(v.data() + first * dim, cotangent_.data(), size);
      network_->backward(parameters_, {cotangent_.data(), size}, {}, {result_.data(), size});
      const auto scale = static_cast<Scalar>(conditioning.scale);
      for (std::size_t i = 0; i < size; ++i) result_[i] *= scale;
      convert(result_.data(), out.data() + first * dim, size);
    }
  }

  /// Selects the dropout masks of later evaluations; only training mode has dropout.
  void set_dropout(NoiseDraw draw) { dropout_ = draw; }

  /// Sets the class of each sample of later evaluations, or nn::no_class; empty: unconditional. The
  /// values must outlive the evaluations.
  void set_classes(std::span<const std::uint32_t> classes) { classes_ = classes; }

  /// gradient += Σ vᵀ ∂F/∂θ at the batch of the last evaluation, which must not exceed the
  /// network's batch. Throws Error otherwise, and for a network in inference mode.
  template <ContiguousHostState X>
  void backward(const X& v, std::span<Scalar> gradient) {
    const Extents shape = checked_extents(v, v);
    scoresde::require(evaluated_ == shape.samples && shape.samples <= network_->batch(),
                      "score network: backward for ", shape.samples,
                      " samples after an evaluation of ", evaluated_,
                      "; it must follow one of the same batch, of at most ", network_->batch());
    evaluated_ = 0;
    network_->backward(parameters_, read(v.data(), shape.size()), gradient);
  }

 private:
  template <class X>
  static constexpr bool same_scalar =
      std::is_same_v<std::remove_cvref_t<decltype(*std::declval<const X&>().data())>, Scalar>;

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
      if constexpr (same_scalar<X>) {
        forward_part(x, first, count, conditioning_of, output.data() + first * dim);
      } else {
        result_.resize(network_->batch() * dim);
        forward_part(x, first, count, conditioning_of, result_.data());
        convert(result_.data(), output.data() + first * dim, count * dim);
      }
    }
    evaluated_ = samples;
  }

  /// y ← F of samples first, …, first + count − 1 of x, with their labels and scales.
  template <class X, class ConditioningOf>
  void forward_part(const X& x, std::size_t first, std::size_t count,
                    const ConditioningOf& conditioning_of, Scalar* y) {
    const auto [samples, dim] = extents(x);
    scoresde::require(classes_.empty() || classes_.size() == samples,
                      "score network: ", classes_.size(), " classes for ", samples,
                      " samples; there must be one per sample");
    for (std::size_t k = 0; k < count; ++k) labels_[k] = conditioning_of(first + k).label;
    NoiseDraw dropout = dropout_;
    dropout.first_sample += static_cast<std::uint32_t>(first);
    const auto in = scaled(x.data() + first * dim, count, dim,
                           [&](std::size_t k) { return conditioning_of(first + k).scale; });
    network_->forward(parameters_, in, {labels_.data(), count}, {y, count * dim}, dropout,
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

  /// `count` samples as the network's scaled input.
  template <class T, class ScaleOf>
  std::span<const Scalar> scaled(const T* values, std::size_t count, std::size_t dim,
                                 const ScaleOf& scale_of) {
    if constexpr (scales_input) {
      staging_.resize(network_->batch() * dim);
      for (std::size_t k = 0; k < count; ++k) {
        const auto scale = static_cast<Scalar>(scale_of(k));
        std::transform(values + k * dim, values + (k + 1) * dim, staging_.data() + k * dim,
                       [scale](T value) { return scale * static_cast<Scalar>(value); });
      }
      return {staging_.data(), count * dim};
    } else {
      return read(values, count * dim);
    }
  }

  /// The values as the network's scalars: in place, or copied through the buffer.
  template <class T>
  std::span<const Scalar> read(const T* values, std::size_t count) {
    if constexpr (std::is_same_v<T, Scalar>) {
      return {values, count};
    } else {
      staging_.resize(network_->batch() * dim());
      convert(values, staging_.data(), count);
      return {staging_.data(), count};
    }
  }

  template <class From, class To>
  static void convert(const From* from, To* to, std::size_t count) {
    std::transform(from, from + count, to, [](From value) { return static_cast<To>(value); });
  }

  Network<Ops>* network_;
  std::span<const Scalar> parameters_;
  S sde_;
  Convention convention_;
  std::vector<double> labels_;
  std::vector<Scalar> staging_, result_, cotangent_;
  std::span<const std::uint32_t> classes_;
  NoiseDraw dropout_{};
  std::size_t evaluated_ = 0;
};

}  // namespace scoresde::nn
