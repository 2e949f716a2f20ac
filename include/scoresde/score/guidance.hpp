// SPDX-License-Identifier: MIT
/// Guidance: a score model whose score is a linear combination of two scores.
///
///   ∇log p̃_t(x) = s₁ + a·s₁ + b·s₂   at the times of an interval,   s₁ at all others
///
///   classifier-free    (1 + w)·s(x, t | c) − w·s(x, t)        a = w, b = −w
///   classifier         s(x, t) + γ·∇ₓ log p_t(c | x)          a = 0, b = γ
///
/// Ho and Salimans 2022 (arXiv:2207.12598), eq. 6; Dhariwal and Nichol 2021 (arXiv:2105.05233),
/// section 4; Song et al. 2021 (arXiv:2011.13456), eq. 14, for γ = 1; the interval is from
/// Kynkäänniemi et al. 2024 (arXiv:2404.07724). Two conventions are in use: the weight w above,
/// which is 0 for no guidance, and the scale w + 1 of s + scale·(s(c) − s), which is 1 for none.
/// This library uses w.
///
/// With sᵢ = pᵢ·x + qᵢ·Fᵢ the guided score is p₁·x + q₁·F with the single linear form
///
///   F = (1 + a)·F₁ + (b q₂/q₁)·F₂ + ((a p₁ + b p₂)/q₁)·x
///
/// for any parameterization of the two models; the last term vanishes if it is the same.
#pragma once

#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/score/score_model.hpp>
#include <scoresde/sde/sde.hpp>
#include <scoresde/state/scratch_state.hpp>
#include <scoresde/time/log_snr.hpp>

namespace scoresde {

/// a and b, the weights of the two scores that are added to the first one.
struct GuidanceWeights {
  double own = 0, other = 0;
};

/// The times first ≤ t ≤ last.
struct TimeInterval {
  double first = 0, last = std::numeric_limits<double>::infinity();

  [[nodiscard]] bool contains(double t) const { return first <= t && t <= last; }
  /// Throws Error unless first ≤ last.
  void validate() const {
    require(first <= last, "guidance: the interval goes from ", first, " to ", last,
            "; it must not end before it begins");
  }
};

/// The times at which the noise level σ/α lies in [low, high]; levels outside the range of the SDE
/// are clamped to it. Throws Error unless 0 ≤ low ≤ high.
template <Sde S>
[[nodiscard]] TimeInterval noise_interval(const S& sde, double low, double high) {
  require(low >= 0 && low <= high, "guidance: the noise levels go from ", low, " to ", high,
          "; they must satisfy 0 <= low <= high");
  return {nearest_time_of_log_snr(sde, -2 * std::log(low), 0),
          nearest_time_of_log_snr(sde, -2 * std::log(high), 0)};
}

namespace detail {

template <class First, class Second, class X>
concept ScoreModels = ScoreModel<First, X> && ScoreModel<Second, X>;
template <class First, class Second, class X>
concept PerSampleScoreModels = PerSampleScoreModel<First, X> && PerSampleScoreModel<Second, X>;
template <class First, class Second, class X>
concept DifferentiableScoreModels =
    DifferentiableScoreModel<First, X> && DifferentiableScoreModel<Second, X>;

}  // namespace detail

/// Models ScoreModel, PerSampleScoreModel and DifferentiableScoreModel if both models do; its
/// output has the parameterization of the first one. An evaluation evaluates the first model and,
/// if t is in the interval and a weight is not 0, the second. Refers to both models, which must
/// outlive it; they may share one network (nn::ClassConditional). Not thread-safe.
template <class First, class Second>
class GuidedScore {
  template <class M>
  static constexpr bool says_its_score = requires(M& model, double t) {
    { model.score_form(t) } -> std::same_as<ScoreForm>;
  };
  static_assert(
      says_its_score<First> && says_its_score<Second>,
      "GuidedScore: one of the two models has no score_form(t) returning ScoreForm, so "
      "it is not a score model; score_function(f) makes one from a function that writes a score or "
      "the gradient of a classifier");

 public:
  /// Throws Error for weights that are not finite and an interval that ends before it begins.
  GuidedScore(First& first, Second& second, GuidanceWeights weights, TimeInterval interval = {})
      : first_(&first), second_(&second), weights_(weights), interval_(interval) {
    require(std::isfinite(weights.own) && std::isfinite(weights.other),
            "guidance: the weights are ", weights.own, " and ", weights.other,
            "; they must be finite");
    interval.validate();
  }

  [[nodiscard]] ScoreForm score_form(double t) const { return first_->score_form(t); }

  /// Throws Error if the first model's score does not depend on its output.
  template <class X>
  requires detail::ScoreModels<First, Second, X>
  void evaluate(const X& x, double t, X& output) {
    first_->evaluate(x, t, output);
    if (!guides(t)) return;
    X& other = scratch_.like(x);
    second_->evaluate(x, t, other);
    combine(output, other, x, t);
  }

  template <class X>
  requires detail::PerSampleScoreModels<First, Second, X>
  void evaluate(const X& x, std::span<const double> times, X& output) {
    first_->evaluate(x, times, output);
    bool any = false;
    for (const double t : times) any = any || guides(t);
    if (!any) return;
    X& other = scratch_.like(x);
    second_->evaluate(x, times, other);
    for (std::vector<double>& row : rows_) row.resize(times.size());
    for (std::size_t k = 0; k < times.size(); ++k) {
      const Coefficients c = coefficients(times[k]);
      for (std::size_t j = 0; j < 3; ++j) rows_[j][k] = c[j];
    }
    assign(output, {{rows_[0], output}, {rows_[1], other}, {rows_[2], x}});
  }

  /// out ← vᵀ ∂F/∂x.
  template <class X>
  requires detail::DifferentiableScoreModels<First, Second, X>
  void vjp(const X& x, double t, const X& v, X& out) {
    first_->vjp(x, t, v, out);
    if (!guides(t)) return;
    X& other = scratch_.like(x);
    second_->vjp(x, t, v, other);
    combine(out, other, v, t);
  }

  /// Whether the second model is evaluated at time t.
  [[nodiscard]] bool guides(double t) const {
    return interval_.contains(t) && (weights_.own != 0 || weights_.other != 0);
  }
  /// The coefficients of F₁, F₂ and x in F at time t. Throws Error if the first model's score does
  /// not depend on its output.
  [[nodiscard]] std::array<double, 3> coefficients(double t) const {
    if (!guides(t)) return {1, 0, 0};
    const ScoreForm own = first_->score_form(t), other = second_->score_form(t);
    require(own.output != 0, "guidance: at time ", t,
            " the score of the first model does not depend on its output; it must");
    return {1 + weights_.own, weights_.other * (other.output / own.output),
            (weights_.own * own.state + weights_.other * other.state) / own.output};
  }

 private:
  using Coefficients = std::array<double, 3>;

  /// first ← c₀·first + c₁·second + c₂·x.
  template <class X>
  void combine(X& first, const X& second, const X& x, double t) const {
    const Coefficients c = coefficients(t);
    assign(first, {{c[0], first}, {c[1], second}, {c[2], x}});
  }

  First* first_;
  Second* second_;
  GuidanceWeights weights_;
  TimeInterval interval_;
  ScratchState scratch_;
  std::array<std::vector<double>, 3> rows_;
};

/// (1 + weight)·conditional − weight·unconditional. The two models may be one network with and
/// without a class label, or a network and a worse one for the same data (autoguidance,
/// arXiv:2406.02507).
template <class Conditional, class Unconditional>
[[nodiscard]] GuidedScore<Conditional, Unconditional> classifier_free_guidance(
    Conditional& conditional, Unconditional& unconditional, double weight,
    TimeInterval interval = {}) {
  return {conditional, unconditional, {weight, -weight}, interval};
}

/// model + scale·gradient. `gradient` is ∇ₓ log p_t(c | x) as a score model: score_function(f) for
/// an f(x, t, output) that writes it.
template <class Model, class Gradient>
[[nodiscard]] GuidedScore<Model, Gradient> classifier_guidance(Model& model, Gradient& gradient,
                                                               double scale,
                                                               TimeInterval interval = {}) {
  return {model, gradient, {0, scale}, interval};
}

}  // namespace scoresde
