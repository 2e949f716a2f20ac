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

/// Models Classifier and PerSampleClassifier (score/classifier_gradient.hpp) over every
/// ContiguousHostState, of a network on the host. Larger batches than the network's are evaluated
/// in parts. Holds references to the network and the parameters, which must outlive it. Not
/// thread-safe.
template <ModelOps Ops, Sde S, class Convention = typename convention_of<S>::type>
class ClassifierNetwork {
  static_assert(ContiguousHostState<typename Ops::State>,
                "ClassifierNetwork: the backend's memory is not the host's; a classifier takes the "
                "operations of a CPU backend");

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
  template <ContiguousHostState X>
  void logits(const X& x, double t, std::span<double> result) {
    for_parts(
        x, result.size(), [t](std::size_t) { return t; },
        [&](std::size_t first, std::size_t count) { copy_outputs(first, count, result); });
  }
  template <ContiguousHostState X>
  void logits(const X& x, std::span<const double> times, std::span<double> result) {
    check_times(x, times);
    for_parts(
        x, result.size(), [times](std::size_t k) { return times[k]; },
        [&](std::size_t first, std::size_t count) { copy_outputs(first, count, result); });
  }

  /// out ← vᵀ ∂logits/∂x. The network's mode should be Mode::differentiation. Throws Error as
  /// logits does, and in inference mode.
  template <ContiguousHostState X>
  void vjp(const X& x, double t, std::span<const double> v, X& out) {
    pull_back(
        x, [t](std::size_t) { return t; }, v, out);
  }
  template <ContiguousHostState X>
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
    cotangent_.assign(v.begin(), v.end());
    network_->backward(parameters_, cotangent_, gradient);
  }

 private:
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
      inputs_.resize(count * dim());
      labels_.resize(count);
      for (std::size_t k = 0; k < count; ++k) {
        const double t = time_of(first + k), c = scale(t);
        labels_[k] = convention_.label(sde_, t);
        std::transform(x.data() + (first + k) * dim(), x.data() + (first + k + 1) * dim(),
                       inputs_.begin() + static_cast<std::ptrdiff_t>(k * dim()), [c](auto value) {
                         return static_cast<Scalar>(c * static_cast<double>(value));
                       });
      }
      outputs_.resize(count * classes());
      NoiseDraw dropout = dropout_;
      dropout.first_sample += static_cast<std::uint32_t>(first);
      network_->forward(parameters_, inputs_, labels_, outputs_, dropout);
      use(first, count);
    }
    evaluated_ = samples;
  }

  void copy_outputs(std::size_t first, std::size_t count, std::span<double> result) const {
    std::copy_n(outputs_.begin(), count * classes(),
                result.begin() + static_cast<std::ptrdiff_t>(first * classes()));
  }

  template <class X, class TimeOf>
  void pull_back(const X& x, const TimeOf& time_of, std::span<const double> v, X& out) {
    scoresde::require(extents(out) == extents(x), "classifier: x has ", extents(x).samples,
                      " samples of ", extents(x).dim, "; the output has ", extents(out).samples,
                      " of ", extents(out).dim);
    for_parts(x, v.size(), time_of, [&](std::size_t first, std::size_t count) {
      const auto part = v.subspan(first * classes(), count * classes());
      cotangent_.assign(part.begin(), part.end());
      network_->backward(parameters_, cotangent_, {}, inputs_);
      for (std::size_t k = 0; k < count; ++k) {
        const double c = scale(time_of(first + k));
        for (std::size_t e = 0; e < dim(); ++e)
          out.data()[(first + k) * dim() + e] =
              static_cast<std::remove_cvref_t<decltype(*out.data())>>(
                  c * static_cast<double>(inputs_[k * dim() + e]));
      }
    });
  }

  Network<Ops>* network_;
  std::span<const Scalar> parameters_;
  S sde_;
  Convention convention_;
  std::vector<Scalar> inputs_, outputs_, cotangent_;
  std::vector<double> labels_;
  NoiseDraw dropout_{};
  std::size_t evaluated_ = 0;
};

}  // namespace scoresde::nn
