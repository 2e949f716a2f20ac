// SPDX-License-Identifier: MIT
/// Score models made of a function and what its output means.
///
///   x_t = α x₀ + σ ε:   score = F,   −F/σ (noise),   (αF − x)/σ² (denoiser),
///                       −(x + (α/σ) F)/(α² + σ²) (velocity)
///
/// α and σ are mean and std of marginal_prob(t). Song et al. 2021 (arXiv:2011.13456), section 3.3;
/// Ho et al. 2020 (arXiv:2006.11239), eq. 11; Vincent 2011; Salimans & Ho 2022 (arXiv:2202.00512),
/// appendix D. The velocity v = αε − σx₀ gives ε = (αv + σx)/(α² + σ²) for any α and σ; only under
/// VP is the denominator 1.
#pragma once

#include <concepts>
#include <span>
#include <type_traits>
#include <utility>

#include <scoresde/score/score_model.hpp>
#include <scoresde/sde/sde.hpp>

namespace scoresde {

/// The score itself.
struct ScoreOutput {
  [[nodiscard]] ScoreForm operator()(double) const { return {0, 1}; }
};

/// F predicts ε.
template <Sde S>
struct NoiseOutput {
  S sde;
  [[nodiscard]] ScoreForm operator()(double t) const { return {0, -1 / sde.marginal_prob(t).std}; }
};

/// F predicts x₀.
template <Sde S>
struct DenoiserOutput {
  S sde;
  [[nodiscard]] ScoreForm operator()(double t) const {
    const auto [alpha, sigma] = sde.marginal_prob(t);
    return {-1 / (sigma * sigma), alpha / (sigma * sigma)};
  }
};

/// F predicts αε − σx₀.
template <Sde S>
struct VelocityOutput {
  S sde;
  [[nodiscard]] ScoreForm operator()(double t) const {
    const auto [alpha, sigma] = sde.marginal_prob(t);
    const double square = alpha * alpha + sigma * sigma;
    return {-1 / square, -alpha / (sigma * square)};
  }
};

/// A function f(x, t, output), and one f(x, span<const double> times, output) where it has it, as a
/// ScoreModel. f is copied; wrap it in std::ref to refer to it.
template <class F, class Output>
class FunctionModel {
 public:
  FunctionModel(F function, Output output)
      : function_(std::move(function)), form_(std::move(output)) {}

  template <State X>
  requires std::invocable<F&, const X&, double, X&>
  void evaluate(const X& x, double t, X& output) { function_(x, t, output); }

  template <State X>
  requires std::invocable<F&, const X&, std::span<const double>, X&> void evaluate(
      const X& x, std::span<const double> times, X& output) {
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
template <class F, Sde S>
[[nodiscard]] auto noise_prediction(F f, S sde) {
  return FunctionModel<F, NoiseOutput<S>>(std::move(f), {std::move(sde)});
}

/// f writes its prediction of the data x₀.
template <class F, Sde S>
[[nodiscard]] auto denoiser(F f, S sde) {
  return FunctionModel<F, DenoiserOutput<S>>(std::move(f), {std::move(sde)});
}

/// f writes its prediction of the velocity αε − σx₀.
template <class F, Sde S>
[[nodiscard]] auto velocity(F f, S sde) {
  return FunctionModel<F, VelocityOutput<S>>(std::move(f), {std::move(sde)});
}

}  // namespace scoresde
