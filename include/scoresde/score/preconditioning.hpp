// SPDX-License-Identifier: MIT
/// EDM preconditioning for any linear SDE.
///
///   E[x₀ | x_t = x] ≈ D(x, t) = c_skip·x + c_out·F(c_in·x, c_noise)
///   c_skip = α σ_d²/v,   c_out = σ σ_d/√v,   c_in = 1/√v,   c_noise = ¼ ln(σ/α)
///   v = σ² + α² σ_d²,   ∇log p_t(x) ≈ (α D − x)/σ² = −x/v + α σ_d/(σ √v)·F
///
/// Karras et al. 2022 (arXiv:2206.00364), eq. 7 and table 1, is the case α = 1, with x/α for x and
/// σ/α for σ. v is the variance of x_t for data of mean 0 and standard deviation σ_d, so F has
/// inputs of variance 1 and is trained on targets (x₀ − c_skip·x)/c_out of variance 1.
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/score/score_model.hpp>
#include <scoresde/sde/sde.hpp>
#include <scoresde/state/output_parameter.hpp>
#include <scoresde/state/scratch_state.hpp>

namespace scoresde {

/// c_skip, c_out, c_in and c_noise.
struct PreconditioningCoefficients {
  double skip = 0;
  double out = 1;
  double in = 1;
  double noise = 0;
};

/// At the marginal p. Throws Error unless its std is positive: at std = 0 the score is undefined.
[[nodiscard]] inline PreconditioningCoefficients edm_coefficients(MarginalProb p,
                                                                  double sigma_data) {
  require(p.std > 0, "EDM preconditioning: std is ", p.std, "; it must be positive");
  const double scaled = p.mean * sigma_data, root = std::hypot(p.std, scaled);
  return {scaled / root * (sigma_data / root), p.std * sigma_data / root, 1 / root,
          0.25 * std::log(p.std / p.mean)};
}

/// The score as a form in (x, F). Throws Error unless the std of p is positive.
[[nodiscard]] inline ScoreForm edm_score_form(MarginalProb p, double sigma_data) {
  const PreconditioningCoefficients c = edm_coefficients(p, sigma_data);
  return {-c.in * c.in, p.mean * sigma_data / p.std * c.in};
}

/// Throws Error unless σ_d is positive and finite.
inline void require_sigma_data(double sigma_data) {
  require(sigma_data > 0 && std::isfinite(sigma_data), "EDM preconditioning: sigma_data is ",
          sigma_data, "; it must be positive and finite");
}

namespace detail {

template <class F, class X>
concept ScalesItsInput = std::invocable<F&, const X&, double, double, X&>;
template <class F, class X>
concept ScalesItsInputs =
    std::invocable<F&, const X&, std::span<const double>, std::span<const double>, X&>;

/// F is callable with a time, or with a time per sample, in one of the two forms of the model
/// below.
template <class F, class X>
concept Preconditionable = ScalesItsInput<F, X> || std::invocable<F&, const X&, double, X&>;
template <class F, class X>
concept PerSamplePreconditionable =
    ScalesItsInputs<F, X> || std::invocable<F&, const X&, std::span<const double>, X&>;

/// Instantiating it rejects an F, called as f(args…, output), whose output is a copy.
template <class F, class X, class... Args>
struct PreconditionedOutput {
  static_assert(
      !copies_output<std::remove_reference_t<std::unwrap_reference_t<F>>, X, const X&, Args...>(),
      "EDM preconditioning: the function takes its output by value, so its result is lost, or as "
      "auto&&, which cannot be distinguished; the last parameter must be an lvalue reference, "
      "State& output or auto& output, in every overload");
  static constexpr bool checked = true;
};

}  // namespace detail

/// A preconditioned F as a ScoreModel. F is called in one of two forms:
///
///   f(scaled, c_noise, output)    scaled = c_in·x, which costs one pass and one scratch state
///   f(x, c_in, c_noise, output)   for an f that scales x as it reads it: no extra pass
///
/// With spans of per-sample values in place of the doubles it is a PerSampleScoreModel. f is
/// copied; use std::ref to refer to it. Not thread-safe.
template <class F, Sde S>
class EdmPreconditionedModel {
 public:
  /// `sigma_data` is σ_d, 0.5 for CIFAR-10 in [−1, 1]. Throws Error unless it is positive and
  /// finite.
  EdmPreconditionedModel(F function, S sde, double sigma_data = 0.5)
      : function_(std::move(function)), sde_(std::move(sde)), sigma_data_(sigma_data) {
    require_sigma_data(sigma_data);
  }

  /// Throws Error if std(t) = 0, as evaluate and score_form do.
  [[nodiscard]] PreconditioningCoefficients coefficients(double t) const {
    return edm_coefficients(sde_.marginal_prob(t), sigma_data_);
  }
  [[nodiscard]] ScoreForm score_form(double t) const {
    return edm_score_form(sde_.marginal_prob(t), sigma_data_);
  }

  template <State X>
  requires detail::Preconditionable<F, X>
  void evaluate(const X& x, double t, X& output) {
    const PreconditioningCoefficients c = coefficients(t);
    if constexpr (detail::ScalesItsInput<F, X>) {
      static_assert(detail::PreconditionedOutput<F, X, double, double>::checked);
      function_(x, c.in, c.noise, output);
    } else {
      static_assert(detail::PreconditionedOutput<F, X, double>::checked);
      X& scaled = scaled_.like(x);
      assign(scaled, {{c.in, x}});
      function_(static_cast<const X&>(scaled), c.noise, output);
    }
  }

  /// Throws Error unless there is one time per sample.
  template <State X>
  requires detail::PerSamplePreconditionable<F, X>
  void evaluate(const X& x, std::span<const double> times, X& output) {
    set_rows(times, extents(x).samples);
    const std::span<const double> in(in_), noise(noise_);
    if constexpr (detail::ScalesItsInputs<F, X>) {
      using Rows = std::span<const double>;
      static_assert(detail::PreconditionedOutput<F, X, Rows, Rows>::checked);
      function_(x, in, noise, output);
    } else {
      static_assert(detail::PreconditionedOutput<F, X, std::span<const double>>::checked);
      X& scaled = scaled_.like(x);
      assign(scaled, {{in, x}});
      function_(static_cast<const X&>(scaled), noise, output);
    }
  }

  [[nodiscard]] const S& sde() const { return sde_; }
  [[nodiscard]] double sigma_data() const { return sigma_data_; }
  [[nodiscard]] F& function() { return function_; }

 private:
  void set_rows(std::span<const double> times, std::size_t samples) {
    require(times.size() == samples, "EDM preconditioning: ", times.size(), " times for ", samples,
            " samples; one per sample is required");
    in_.resize(samples);
    noise_.resize(samples);
    for (std::size_t k = 0; k < samples; ++k) {
      const PreconditioningCoefficients c = coefficients(times[k]);
      in_[k] = c.in;
      noise_[k] = c.noise;
    }
  }

  F function_;
  S sde_;
  double sigma_data_;
  ScratchState scaled_;
  std::vector<double> in_, noise_;
};

/// f with EDM preconditioning. Throws Error unless sigma_data is positive and finite.
template <class F, Sde S>
[[nodiscard]] auto edm_preconditioning(F f, S sde, double sigma_data = 0.5) {
  return EdmPreconditionedModel<F, S>(std::move(f), std::move(sde), sigma_data);
}

}  // namespace scoresde
