// SPDX-License-Identifier: MIT
/// Score models built from a function and the meaning of its output.
///
///   x_t = α x₀ + σ ε:   score = F,   −F/σ (noise),   (αF − x)/σ² (denoiser),
///                       −(x + (α/σ) F)/(α² + σ²) (velocity),   2(f x − F)/g² (flow velocity)
///
/// α and σ are mean and std of marginal_prob(t). Song et al. 2021 (arXiv:2011.13456), section 3.3;
/// Ho et al. 2020 (arXiv:2006.11239), eq. 11; Vincent 2011; Salimans & Ho 2022 (arXiv:2202.00512),
/// appendix D. The velocity v = αε − σx₀ gives ε = (αv + σx)/(α² + σ²) for any α and σ; only under
/// VP is the denominator 1. The flow velocity α'x₀ + σ'ε is that of the probability flow, f·x −
/// ½g²∇log p_t(x): Lipman et al. 2023 (arXiv:2210.02747), section 4.
#pragma once

#include <concepts>
#include <span>
#include <type_traits>
#include <utility>

#include <scoresde/score/score_model.hpp>
#include <scoresde/sde/sde.hpp>
#include <scoresde/state/output_parameter.hpp>

namespace scoresde {

/// What an output F predicts: ε, x₀ or αε − σx₀. The prediction_type of diffusers calls them
/// epsilon, sample and v_prediction.
enum class PredictionType { noise, data, velocity };

/// ∇log p_t(x) as a linear form in x and a prediction F, where x_t = mean·x₀ + std·ε with std > 0.
[[nodiscard]] inline ScoreForm score_form_of(PredictionType type, const MarginalProb& marginal) {
  const auto [alpha, sigma] = marginal;
  if (type == PredictionType::noise) return {0, -1 / sigma};
  if (type == PredictionType::data) return {-1 / (sigma * sigma), alpha / (sigma * sigma)};
  const double square = alpha * alpha + sigma * sigma;
  return {-1 / square, -alpha / (sigma * square)};
}

/// F is the score.
struct ScoreOutput {
  [[nodiscard]] ScoreForm operator()(double) const { return {0, 1}; }
};

/// F predicts ε.
template <Sde S>
struct NoiseOutput {
  S sde;
  [[nodiscard]] ScoreForm operator()(double t) const {
    return score_form_of(PredictionType::noise, sde.marginal_prob(t));
  }
};

/// F predicts x₀.
template <Sde S>
struct DenoiserOutput {
  S sde;
  [[nodiscard]] ScoreForm operator()(double t) const {
    return score_form_of(PredictionType::data, sde.marginal_prob(t));
  }
};

/// F predicts αε − σx₀.
template <Sde S>
struct VelocityOutput {
  S sde;
  [[nodiscard]] ScoreForm operator()(double t) const {
    return score_form_of(PredictionType::velocity, sde.marginal_prob(t));
  }
};

/// F predicts α'x₀ + σ'ε = dx/dt along the probability flow (ε − x₀ for RectifiedFlowSde); requires
/// g > 0.
template <Sde S>
struct FlowVelocityOutput {
  S sde;
  [[nodiscard]] ScoreForm operator()(double t) const {
    const double g = sde.diffusion(t);
    return {2 * sde.drift(t) / (g * g), -2 / (g * g)};
  }
};

namespace detail {

template <class F, class X>
concept FunctionOfTime = std::invocable<F&, const X&, double, X&>;
template <class F, class X>
concept FunctionOfTimes = std::invocable<F&, const X&, std::span<const double>, X&>;

/// Instantiating it rejects a function f(x, t, output) whose output is a copy.
template <class F, class X, class Time>
struct FunctionOutput {
  static_assert(
      !copies_output<std::remove_reference_t<std::unwrap_reference_t<F>>, X, const X&, Time>(),
      "FunctionModel: the function takes its output by value, so its result is "
      "lost, or as auto&&, which cannot be distinguished; the third parameter must be an lvalue "
      "reference, State& output or auto& output, in every overload");
  static constexpr bool checked = true;
};

}  // namespace detail

/// A function f(x, t, output), optionally callable as f(x, span<const double> times, output) too,
/// as a ScoreModel. f is copied; use std::ref to refer to it. It must take `output` as State&; an f
/// of which an overload takes it by value does not compile.
template <class F, class Output>
class FunctionModel {
 public:
  FunctionModel(F function, Output output)
      : function_(std::move(function)), form_(std::move(output)) {}

  template <State X>
  requires detail::FunctionOfTime<F, X>
  void evaluate(const X& x, double t, X& output) {
    static_assert(detail::FunctionOutput<F, X, double>::checked);
    function_(x, t, output);
  }

  template <State X>
  requires detail::FunctionOfTimes<F, X>
  void evaluate(const X& x, std::span<const double> times, X& output) {
    static_assert(detail::FunctionOutput<F, X, std::span<const double>>::checked);
    function_(x, times, output);
  }

  [[nodiscard]] ScoreForm score_form(double t) const { return form_(t); }
  [[nodiscard]] F& function() { return function_; }

 private:
  F function_;
  Output form_;
};

/// f writes the score.
template <class F>
[[nodiscard]] auto score_function(F f) {
  return FunctionModel<F, ScoreOutput>(std::move(f), {});
}

/// f writes its prediction of the noise ε.
template <class F, class S>
[[nodiscard]] auto noise_prediction(F f, S sde) {
  static_assert(SdeArgument<S>::checked);
  return FunctionModel<F, NoiseOutput<S>>(std::move(f), {std::move(sde)});
}

/// f writes its prediction of the data x₀.
template <class F, class S>
[[nodiscard]] auto denoiser(F f, S sde) {
  static_assert(SdeArgument<S>::checked);
  return FunctionModel<F, DenoiserOutput<S>>(std::move(f), {std::move(sde)});
}

/// f writes its prediction of the velocity αε − σx₀.
template <class F, class S>
[[nodiscard]] auto velocity(F f, S sde) {
  static_assert(SdeArgument<S>::checked);
  return FunctionModel<F, VelocityOutput<S>>(std::move(f), {std::move(sde)});
}

/// f writes its prediction of the flow velocity α'x₀ + σ'ε, as trained by flow matching and
/// rectified flow.
template <class F, class S>
[[nodiscard]] auto flow_velocity(F f, S sde) {
  static_assert(SdeArgument<S>::checked);
  return FunctionModel<F, FlowVelocityOutput<S>>(std::move(f), {std::move(sde)});
}

}  // namespace scoresde
