// SPDX-License-Identifier: MIT
/// GuidedNetwork: classifier-free guidance by one network, with both scores from one batch.
///
///   F_w = (1 + w)·F_θ(x, t, c) − w·F_θ(x, t),   F = (φ·std(F_c)/std(F_w) + 1 − φ)·F_w
///
/// Ho and Salimans 2022 (arXiv:2207.12598), eq. 6; Lin et al. 2023 (arXiv:2305.08891), eq. 14 to
/// 16, for φ > 0, with std over the elements of a sample. The same score as
/// classifier_free_guidance of two ClassConditionals (score/guidance.hpp), or their
/// RescaledGuidance, from one pass over a batch of twice as many samples, which is faster for small
/// batches. At times outside the interval only the conditional score is evaluated, with the
/// original batch size.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/model/score_network.hpp>
#include <scoresde/nn/graph/ops.hpp>
#include <scoresde/score/guidance.hpp>
#include <scoresde/score/score_model.hpp>
#include <scoresde/state/host_state.hpp>

namespace scoresde::nn {

/// Has the interface of `Model`, a ScoreNetwork or another model with set_classes, over every
/// ContiguousHostState; its network is best planned for twice the samples. Holds a reference to the
/// model, which must outlive it. Not thread-safe.
template <class Model>
class GuidedNetwork {
 public:
  using Scalar = typename Model::Scalar;

  /// `rescale` is φ. Throws Error for a weight that is not finite, an interval that ends before it
  /// begins and a φ outside [0, 1].
  GuidedNetwork(Model& model, double weight, TimeInterval interval = {}, double rescale = 0)
      : model_(&model), weight_(weight), interval_(interval), rescale_(rescale) {
    scoresde::require(std::isfinite(weight), "guided network: the weight is ", weight,
                      "; it must be finite");
    scoresde::require(rescale >= 0 && rescale <= 1, "guided network: rescale is ", rescale,
                      "; it must lie in [0, 1]");
    interval.validate();
  }

  [[nodiscard]] ScoreForm score_form(double t) const { return model_->score_form(t); }

  /// Sets the class of each sample, as ScoreNetwork does. Empty: unconditional and without
  /// guidance.
  void set_classes(std::span<const std::uint32_t> classes) { classes_ = classes; }

  /// Throws Error unless there is one class per sample, or none at all.
  template <ContiguousHostState X>
  void evaluate(const X& x, double t, X& output) {
    if (!guides(t)) return with_classes(classes_, [&] { model_->evaluate(x, t, output); });
    stage(x, 1, 1);
    with_classes(labels_, [&] { model_->evaluate(batched_input_, t, outputs_); });
    combine(output, [this](std::size_t) { return weight_; });
  }
  template <ContiguousHostState X>
  void evaluate(const X& x, std::span<const double> times, X& output) {
    if (std::none_of(times.begin(), times.end(), [this](double t) { return guides(t); }))
      return with_classes(classes_, [&] { model_->evaluate(x, times, output); });
    stage(x, 1, 1);
    times_.assign(times.begin(), times.end());
    times_.insert(times_.end(), times.begin(), times.end());
    with_classes(labels_, [&] {
      model_->evaluate(batched_input_, std::span<const double>(times_), outputs_);
    });
    combine(output, [&](std::size_t k) { return guides(times[k]) ? weight_ : 0; });
  }
  /// out ← vᵀ ∂F/∂x, where `Model` provides it.
  template <ContiguousHostState X>
  requires DifferentiableScoreModel<Model, HostState<Scalar>>
  void vjp(const X& x, double t, const X& v, X& out) {
    if (!guides(t)) return with_classes(classes_, [&] { model_->vjp(x, t, v, out); });
    stage(v, 1 + weight_, -weight_);
    cotangent_ = batched_input_;
    stage(x, 1, 1);
    if (rescale_ > 0) {
      with_classes(labels_, [&] { model_->evaluate(batched_input_, t, outputs_); });
      for (std::size_t k = 0; k < extents(x).samples; ++k)
        pull_back_rescaling(k, v.data() + k * extents(x).dim);
    }
    with_classes(labels_, [&] { model_->vjp(batched_input_, t, cotangent_, outputs_); });
    const std::size_t size = extents(x).size();
    for (std::size_t i = 0; i < size; ++i)
      out.data()[i] = number<X>(outputs_.data()[i] + outputs_.data()[size + i]);
  }

 private:
  template <class X, class T>
  static auto number(T value) {
    return static_cast<std::remove_cvref_t<decltype(*std::declval<X&>().data())>>(value);
  }
  [[nodiscard]] bool guides(double t) const {
    return weight_ != 0 && !classes_.empty() && interval_.contains(t);
  }

  /// Sets the model's classes for one call and resets them afterwards, also when the call throws.
  template <class Call>
  void with_classes(std::span<const std::uint32_t> classes, const Call& call) {
    struct Reset {
      Model& model;
      ~Reset() { model.set_classes({}); }
    } const reset{*model_};
    model_->set_classes(classes);
    call();
  }

  /// batched_input_ ← first·x, then second·x; labels_ ← the classes, then no_class.
  template <class X>
  void stage(const X& x, double first, double second) {
    const std::size_t samples = extents(x).samples, dim = extents(x).dim;
    scoresde::require(classes_.size() == samples, "guided network: ", classes_.size(),
                      " classes for ", samples, " samples; there must be one per sample");
    const Extents both{2 * samples, dim};
    if (batched_input_.extents() != both) batched_input_ = outputs_ = HostState<Scalar>(both);
    const auto half = [&](Scalar* to, double factor) {
      std::transform(x.data(), x.data() + samples * dim, to,
                     [factor](auto value) { return static_cast<Scalar>(factor * value); });
    };
    half(batched_input_.data(), first);
    half(batched_input_.data() + samples * dim, second);
    labels_.assign(classes_.begin(), classes_.end());
    labels_.resize(2 * samples, no_class);
  }

  /// output ← (1 + w)·first half − w·second half of outputs_, w = weight_of(k) of sample k.
  template <class X, class WeightOf>
  void combine(X& output, const WeightOf& weight_of) const {
    const auto [samples, dim] = extents(output);
    for (std::size_t k = 0; k < samples; ++k) {
      const auto w = static_cast<Scalar>(weight_of(k));
      const Scalar *with = outputs_[k].data(), *without = outputs_[samples + k].data();
      auto* const guided = output.data() + k * dim;
      for (std::size_t e = 0; e < dim; ++e)
        guided[e] = number<X>((1 + w) * with[e] - w * without[e]);
      if (rescale_ == 0 || w == 0) continue;
      const double factor = rescaling(moments(with, dim).std, moments(guided, dim).std);
      for (std::size_t e = 0; e < dim; ++e)
        guided[e] = number<X>(factor * static_cast<double>(guided[e]));
    }
  }

  struct Moments {
    double mean, std;
  };
  template <class T>
  [[nodiscard]] static Moments moments(const T* x, std::size_t count) {
    double sum = 0, squares = 0;
    for (std::size_t e = 0; e < count; ++e) sum += static_cast<double>(x[e]);
    const double mean = sum / static_cast<double>(count);
    for (std::size_t e = 0; e < count; ++e) {
      const double distance = static_cast<double>(x[e]) - mean;
      squares += distance * distance;
    }
    return {mean, std::sqrt(squares / static_cast<double>(count))};
  }
  /// φ·conditional/guided + 1 − φ; 1 for an output without spread.
  [[nodiscard]] double rescaling(double conditional, double guided) const {
    return guided > 0 ? rescale_ * conditional / guided + 1 - rescale_ : 1;
  }

  /// The cotangents of both outputs of sample k for v of the rescaled one. With a = F_c, b = F_w, r
  /// the factor and d the number of elements, dF = r·db + b·dr:
  ///
  ///   ∂b: r v − φ ⟨v, b⟩ std(a)/(d std(b)³)·(b − mean(b))
  ///   ∂a: φ ⟨v, b⟩/(d std(a) std(b))·(a − mean(a))
  template <class T>
  void pull_back_rescaling(std::size_t k, const T* v) {
    const std::size_t dim = outputs_.extents().dim, samples = outputs_.extents().samples / 2;
    const Scalar *a = outputs_[k].data(), *other = outputs_[samples + k].data();
    std::vector<double>& b = guided_;
    b.resize(dim);
    double along = 0;
    for (std::size_t e = 0; e < dim; ++e) {
      b[e] = (1 + weight_) * static_cast<double>(a[e]) - weight_ * static_cast<double>(other[e]);
      along += static_cast<double>(v[e]) * b[e];
    }
    const Moments of_a = moments(a, dim), of_b = moments(b.data(), dim);
    if (!(of_a.std > 0 && of_b.std > 0)) return;
    const double r = rescaling(of_a.std, of_b.std);
    const double by_a = rescale_ * along / (static_cast<double>(dim) * of_a.std * of_b.std);
    const double by_b = by_a * of_a.std * of_a.std / (of_b.std * of_b.std);
    for (std::size_t e = 0; e < dim; ++e) {
      const double of_guided = r * static_cast<double>(v[e]) - by_b * (b[e] - of_b.mean);
      const double own = by_a * (static_cast<double>(a[e]) - of_a.mean);
      cotangent_(k, e) = static_cast<Scalar>((1 + weight_) * of_guided + own);
      cotangent_(samples + k, e) = static_cast<Scalar>(-weight_ * of_guided);
    }
  }

  Model* model_;
  double weight_;
  TimeInterval interval_;
  double rescale_;
  std::span<const std::uint32_t> classes_;
  HostState<Scalar> batched_input_, outputs_, cotangent_;
  std::vector<double> times_, guided_;
  std::vector<std::uint32_t> labels_;
};

}  // namespace scoresde::nn
