// SPDX-License-Identifier: MIT
/// ClassifierNetwork: a network, its parameters and an SDE as a noise-conditional classifier.
///
///   logits = F(c(t)·x, label(t); θ),   one per class
///
/// label and c are those of a score network's convention (model/label_convention.hpp); c is 1 where
/// the convention has none. Dhariwal and Nichol 2021 (arXiv:2105.05233), section 4.1.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/model/label_convention.hpp>
#include <scoresde/model/model_ops.hpp>
#include <scoresde/nn/runtime/network.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/sde/sde.hpp>
#include <scoresde/state/backend.hpp>

namespace scoresde::nn {

/// Models Classifier and PerSampleClassifier (score/classifier_gradient.hpp) over Ops::State and,
/// on the host, over every ContiguousHostState. Larger batches than the network's are evaluated in
/// parts. Holds references to the network and the parameters, which are in the backend's memory and
/// must outlive it. Not thread-safe.
template <ModelOps Ops, Sde S, class Convention = typename convention_of<S>::type>
class ClassifierNetwork {
 public:
  using Scalar = typename Ops::Scalar;

  /// Throws Error unless there is one scalar per parameter of the network and its output is one
  /// vector per sample.
  ClassifierNetwork(Network<Ops>& network, std::span<const Scalar> parameters, S sde,
                    Convention convention = {})
      : network_(&network),
        parameters_(parameters),
        sde_(std::move(sde)),
        convention_(std::move(convention)) {
    network.require_parameters("classifier", parameters);
    const Shape out = network.output_shape();
    scoresde::require(out.pixels() == 1, "classifier: the network's output has ", out.h, " x ",
                      out.w, " pixels; it must be a vector of logits");
  }

  [[nodiscard]] const S& sde() const { return sde_; }
  [[nodiscard]] Network<Ops>& network() const { return *network_; }
  [[nodiscard]] std::size_t classes() const { return network_->output_shape().size(); }
  /// Number of elements of a sample.
  [[nodiscard]] std::size_t dim() const { return network_->input_shape().size(); }

  /// The logit of class c of sample k at k·classes() + c. Throws Error for x of another dimension
  /// and logits of another number.
  template <NetworkState<Ops> X>
  void logits(const X& x, double t, std::span<double> result) {
    for_parts(
        x, result.size(), [t](std::size_t) { return t; },
        [&](std::size_t first, std::size_t count) { copy_outputs(first, count, result); });
  }
  template <NetworkState<Ops> X>
  void logits(const X& x, std::span<const double> times, std::span<double> result) {
    check_times(x, times);
    for_parts(
        x, result.size(), [times](std::size_t k) { return times[k]; },
        [&](std::size_t first, std::size_t count) { copy_outputs(first, count, result); });
  }

  /// out ← vᵀ ∂logits/∂x. The network's mode should be Mode::differentiation. Throws Error as
  /// logits does, and in inference mode.
  template <NetworkState<Ops> X>
  void vjp(const X& x, double t, std::span<const double> v, X& out) {
    pull_back(
        x, [t](std::size_t) { return t; }, v, out);
  }
  template <NetworkState<Ops> X>
  void vjp(const X& x, std::span<const double> times, std::span<const double> v, X& out) {
    check_times(x, times);
    pull_back(
        x, [times](std::size_t k) { return times[k]; }, v, out);
  }

  /// Selects the dropout masks of later evaluations; only training mode has dropout.
  void set_dropout(NoiseDraw draw) { dropout_ = draw; }

  /// gradient += Σ vᵀ ∂logits/∂θ at the batch of the last logits, which must not exceed the
  /// network's batch. Throws Error otherwise, and for a network in inference mode.
  void backward(std::span<const double> v, std::span<Scalar> gradient) {
    scoresde::require(v.size() == evaluated_ * classes() && evaluated_ <= network_->batch(),
                      "classifier: backward for ", v.size(), " logits after an evaluation of ",
                      evaluated_, " samples; it must follow one of the same batch, of at most ",
                      network_->batch());
    network_->backward(parameters_, placed_cotangent(v), gradient);
  }

 private:
  /// Whether a state is in the host's memory, where elements are converted one by one.
  template <class X>
  static constexpr bool on_host = ContiguousHostState<X>;

  static constexpr bool scales_input = requires(const Convention& convention, const S& sde) {
    convention.input_scale(sde, 0.0);
  };

  template <class X>
  static void check_times(const X& x, std::span<const double> times) {
    scoresde::require(times.size() == extents(x).samples, "classifier: ", times.size(),
                      " times for ", extents(x).samples, " samples; there must be one per sample");
  }

  [[nodiscard]] double scale(double t) const {
    if constexpr (scales_input)
      return convention_.input_scale(sde_, t);
    else
      return 1;
  }

  /// use(first, count) after the evaluation of each part, which leaves its logits in outputs_.
  template <class X, class TimeOf, class Use>
  void for_parts(const X& x, std::size_t logits, const TimeOf& time_of, const Use& use) {
    const auto [samples, dimension] = extents(x);
    scoresde::require(dimension == dim(), "classifier: x has ", dimension,
                      " elements per sample; it must have ", dim());
    scoresde::require(logits == samples * classes(), "classifier: ", logits, " logits for ",
                      samples, " samples; there must be ", classes(), " per sample");
    for (std::size_t first = 0; first < samples; first += network_->batch()) {
      const std::size_t count = std::min(network_->batch(), samples - first);
      const std::span<const Scalar> in = placed_inputs(x, first, count, time_of);
      if (!outputs_) outputs_.emplace(network_->ops().allocate(network_->batch() * classes()));
      NoiseDraw dropout = dropout_;
      dropout.first_sample += static_cast<std::uint32_t>(first);
      network_->forward(parameters_, in, labels_, {outputs_->data(), count * classes()}, dropout);
      use(first, count);
    }
    evaluated_ = samples;
  }

  /// c·x of a part in the backend's memory, with the labels of the network: x itself where it can
  /// be.
  template <class X, class TimeOf>
  std::span<const Scalar> placed_inputs(const X& x, std::size_t first, std::size_t count,
                                        const TimeOf& time_of) {
    labels_.resize(count);
    scales_.resize(count);
    for (std::size_t k = 0; k < count; ++k) {
      labels_[k] = convention_.label(sde_, time_of(first + k));
      scales_[k] = scale(time_of(first + k));
    }
    const std::size_t size = count * dim();
    if constexpr (on_host<X>) {
      Scalar* to = inputs();
      for (std::size_t k = 0; k < count; ++k)
        to = std::transform(x.data() + (first + k) * dim(), x.data() + (first + k + 1) * dim(), to,
                            [c = scales_[k]](auto value) {
                              return static_cast<Scalar>(c * static_cast<double>(value));
                            });
    } else {
      const Scalar* const from = Ops::elements(x) + first * dim();
      if constexpr (!scales_input) return {from, size};
      network_->ops().scale_states(from, {count, dim()}, placed_scales(), inputs());
    }
    return {inputs(), size};
  }
  /// Memory of one network batch, allocated at first use.
  Scalar* inputs() {
    if (!inputs_) inputs_.emplace(network_->ops().allocate(network_->batch() * dim()));
    return inputs_->data();
  }
  /// The scales of the last part in the backend's memory.
  std::span<const double> placed_scales() {
    if (!scale_buffer_)
      scale_buffer_.emplace(network_->ops().make_conditioning_buffer(network_->batch()));
    return scale_buffer_->place({.labels = scales_}).labels;
  }
  /// v as the network's scalars in the backend's memory.
  std::span<const Scalar> placed_cotangent(std::span<const double> v) {
    values_.assign(v.begin(), v.end());
    if (!cotangent_) cotangent_.emplace(network_->ops().allocate(network_->batch() * classes()));
    network_->ops().upload(std::span<const Scalar>(values_), cotangent_->data());
    return {cotangent_->data(), v.size()};
  }

  void copy_outputs(std::size_t first, std::size_t count, std::span<double> result) {
    values_.resize(count * classes());
    network_->ops().download(outputs_->data(), values_);
    std::copy(values_.begin(), values_.end(),
              result.begin() + static_cast<std::ptrdiff_t>(first * classes()));
  }

  template <class X, class TimeOf>
  void pull_back(const X& x, const TimeOf& time_of, std::span<const double> v, X& out) {
    scoresde::require(extents(out) == extents(x), "classifier: x has ", extents(x).samples,
                      " samples of ", extents(x).dim, "; the output has ", extents(out).samples,
                      " of ", extents(out).dim);
    for_parts(x, v.size(), time_of, [&](std::size_t first, std::size_t count) {
      const auto cotangent = placed_cotangent(v.subspan(first * classes(), count * classes()));
      if constexpr (on_host<X>) {
        network_->backward(parameters_, cotangent, {}, {inputs(), count * dim()});
        const Scalar* from = inputs();
        for (std::size_t k = 0; k < count; ++k)
          for (std::size_t e = 0; e < dim(); ++e)
            out.data()[(first + k) * dim() + e] =
                static_cast<std::remove_cvref_t<decltype(*out.data())>>(
                    scales_[k] * static_cast<double>(*from++));
      } else {
        Scalar* const to = Ops::elements(out) + first * dim();
        network_->backward(parameters_, cotangent, {}, {to, count * dim()});
        if constexpr (scales_input)
          network_->ops().scale_states(to, {count, dim()}, placed_scales(), to);
      }
    });
  }

  Network<Ops>* network_;
  std::span<const Scalar> parameters_;
  S sde_;
  Convention convention_;
  std::optional<typename Ops::Buffer> inputs_, outputs_, cotangent_;
  std::optional<typename Ops::ConditioningBuffer> scale_buffer_;
  std::vector<Scalar> values_;
  std::vector<double> labels_, scales_;
  NoiseDraw dropout_{};
  std::size_t evaluated_ = 0;
};

}  // namespace scoresde::nn
