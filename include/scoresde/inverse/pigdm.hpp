// SPDX-License-Identifier: MIT
/// ΠGDM: the score of the posterior, a model made of a model and the likelihood of a measurement.
///
///   ∇log p_t(x | y) ≈ ∇log p_t(x) + ω(t)·∇log p̃(y | x_t)
///
/// Song et al. 2023 (ΠGDM, ICLR). Every sampler takes the model, so that the error of the
/// integration is the sampler's own; what remains is that of the likelihood
/// (inverse/predicted_likelihood.hpp, inverse/tweedie_likelihood.hpp). NVlabs' code of RED-diff
/// (Mardani et al. 2023, arXiv:2305.04391) weights the gradient by ω = mean(t)², or, with adaptive
/// weights, adds it after a DDIM step: AdaptivePiGdm.
#pragma once

#include <type_traits>
#include <utility>

#include <scoresde/inverse/linear_operator.hpp>
#include <scoresde/inverse/predicted_likelihood.hpp>
#include <scoresde/inverse/tweedie_likelihood.hpp>
#include <scoresde/not_deduced.hpp>
#include <scoresde/sde/sde.hpp>
#include <scoresde/state/scratch_state.hpp>
#include <scoresde/time/time_grid.hpp>

namespace scoresde {

/// ω(t).
enum class LikelihoodWeight {
  one,          ///< Bayes' rule
  squared_mean  ///< mean(t)², as in RED-diff's code
};

/// A ScoreModel with the parameterization of the model; an evaluation costs one of the model and
/// the likelihood's vjps. Refers to the model, which must outlive it. Not thread-safe.
template <class M, class Likelihood>
class PosteriorScore {
 public:
  PosteriorScore(M& model, Likelihood likelihood, LikelihoodWeight weight = LikelihoodWeight::one)
      : model_(&model), likelihood_(std::move(likelihood)), weight_(weight) {}

  [[nodiscard]] ScoreForm score_form(double t) const { return model_->score_form(t); }

  /// Throws Error for x of other samples or dimension than the problem, and if the model's score
  /// does not depend on its output.
  template <State X>
  requires DifferentiableScoreModel<M, X>
  void evaluate(const X& x, double t, X& output) {
    const double factor = score_form(t).output, mean = likelihood_.sde().marginal_prob(t).mean;
    require(factor != 0, "posterior score: at time ", t,
            " the score of the model does not depend on its output; it must");
    model_->evaluate(x, t, output);
    X& gradient = gradient_.like(x);
    likelihood_.gradient(*model_, x, t, output, gradient);
    const double weight = weight_ == LikelihoodWeight::one ? 1 : mean * mean;
    assign(output, {{1, output}, {weight / factor, gradient}});
  }

 private:
  M* model_;
  Likelihood likelihood_;
  LikelihoodWeight weight_;
  ScratchState gradient_;
};

namespace detail {

/// Instantiating it reports a model without the gradient that guidance follows.
template <class M, class X>
struct GuidedModel {
  static_assert(
      ScoreModel<M, X>,
      "posterior score: the model is not a score model for the state of the measurement; "
      "it needs evaluate(const State& x, double t, State& output) and score_form(double t)"
      " returning ScoreForm");
  static_assert(!ScoreModel<M, X> || DifferentiableScoreModel<M, X>,
                "posterior score: the model is not differentiable; guidance by a measurement needs "
                "its vjp(x, t, v, out), out <- v^T dF/dx");
  static constexpr bool checked = true;
};

/// True for arguments of the form pigdm(model, sde, problem, …); two may follow.
template <class... A>
inline constexpr bool is_guidance_call = false;
template <class M, class S, class P, class... O>
requires Sde<std::remove_cvref_t<S>>
inline constexpr bool is_guidance_call<M&, S, P, O...> =
    requires(const std::remove_reference_t<P>& problem) {
  problem.op(), problem.measurement(), problem.noise_std();
}
&&sizeof...(O) <= 2;

}  // namespace detail

/// ΠGDM with r² of data N(0, data_variance·I). The default is stable for all data, and a smaller
/// value less biased where no variance of the data exceeds it (predicted_likelihood.hpp). Throws
/// Error as PredictedLikelihood does.
template <class M, Sde S, class A, State X>
[[nodiscard]] auto pigdm(M& model, S sde, const LinearProblem<A, X>& problem,
                         double data_variance = flat_data_variance,
                         LikelihoodWeight weight = LikelihoodWeight::one) {
  static_assert(detail::GuidedModel<M, X>::checked);
  return PosteriorScore(model, PredictedLikelihood<S, A, X>(std::move(sde), problem, data_variance),
                        weight);
}

/// Does not compile.
template <class... A>
requires(!detail::is_guidance_call<A...>) auto pigdm(A&&...) {
  static_assert(never<A...>,
                "pigdm: it takes (model, sde, problem, data_variance, weight): a variable model, "
                "to which the result refers, an SDE and a LinearProblem");
}

/// ΠGDM with the covariance that the score implies. Throws Error as TweedieLikelihood does.
template <class M, Sde S, class A, State X>
[[nodiscard]] auto tweedie_pigdm(M& model, S sde, const LinearProblem<A, X>& problem,
                                 TweedieLikelihoodOptions options = {}) {
  static_assert(detail::GuidedModel<M, X>::checked);
  return PosteriorScore(model, TweedieLikelihood<S, A, X>(std::move(sde), problem, options));
}

/// Does not compile.
template <class... A>
requires(!detail::is_guidance_call<A...>) auto tweedie_pigdm(A&&...) {
  static_assert(never<A...>,
                "tweedie_pigdm: it takes (model, sde, problem, options): a variable model, to "
                "which the result refers, an SDE and a LinearProblem");
}

/// A Constraint: x ← x' + mean(t)·mean(t_next)·r²·∇log p̃(y | x_t), with x' a DDIM step of the
/// model without guidance and r² of v = 1: the adaptive weights of RED-diff's code under VP. It
/// costs an evaluation and a vjp per step. Not thread-safe.
template <Sde S, class A, State X>
class AdaptivePiGdm {
 public:
  static constexpr bool needs_before = true, needs_noise = false;

  /// Throws Error as PredictedLikelihood does.
  AdaptivePiGdm(S sde, const LinearProblem<A, X>& problem)
      : likelihood_(std::move(sde), problem, 1) {}

  template <class M, class Z>
  requires DifferentiableScoreModel<M, X>
  void after_update(const X& before, X& x, TimeStep step, M& model, const Z&) {
    if (step.t_next >= step.t) return;
    const S& sde = likelihood_.sde();
    X &output = output_.like(x), &gradient = gradient_.like(x);
    model.evaluate(before, step.t, output);
    likelihood_.gradient(model, before, step.t, output, gradient);
    const double means = sde.marginal_prob(step.t).mean * sde.marginal_prob(step.t_next).mean;
    assign(x, {{1, x}, {means * likelihood_.r_squared(step.t), gradient}});
  }

 private:
  PredictedLikelihood<S, A, X> likelihood_;
  ScratchState output_, gradient_;
};

}  // namespace scoresde
