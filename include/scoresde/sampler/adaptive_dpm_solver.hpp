// SPDX-License-Identifier: MIT
/// AdaptiveDpmSolver: DPM-Solver-12 and -23, the probability flow with adaptive steps in λ.
///
///   x₁ = a₁x + g₁φ₁(e₁) D₀                                     at λ + r₁h
///   x₂ = a₂x + g₂(φ₁(e₂) D₀ + (r₂/r₁) φ₂(e₂)(D₁ − D₀))         at λ + r₂h
///   order 1:  x′ = a·x + g φ₁ D₀
///   order 2:       a·x + g(φ₁ D₀ + φ₁/(2r₁)·(D₁ − D₀))
///   order 3:  x″ = a·x + g(φ₁ D₀ + (φ₂/r₂)(D₂ − D₀))
///
/// with D = ε and a, g, e of solver/solver.hpp for the step from λ to each node. DPM-Solver-12 has
/// r₁ = 1/2, DPM-Solver-23 has r₁ = 1/3 and r₂ = 2/3. Lu et al. 2022 (arXiv:2206.00927), section
/// 4.3 and appendix C. Acceptance and step sizes are defined in sampler/adaptive_stepper.hpp, with
/// r = 1/order. The formulas hold for any (α, σ), so for every linear SDE.
///
/// h ≤ max_step, a bound that the papers do not have. Where the score is nearly linear in λ (pure
/// noise), both orders agree for any h, and h would grow until one step spans all scales of the
/// data. Measured on N(0, v) with v = 1, 0.25, 0.01, in 1, 8 and 3072 dimensions, under every SDE
/// of the library (tests/sampler/adaptive_defaults_test.cpp), with default options, with and
/// without the bound; the variance is relative to the exact one:
///
///   pair         h ≤   variance, evaluations     without the bound
///   DpmSolver23  1     1.005 times, 33 to 63     1.04 to 18 times, 15 to 38
///   DpmSolver12  0.5   1.034 times, 38 to 78     1.06 to 21 times, 10 to 36
///
/// The number of evaluations follows from the span of λ: about 9 under VE and VP, 18 under
/// rectified flow.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

#include <scoresde/not_deduced.hpp>
#include <scoresde/sampler/adaptive_stepper.hpp>
#include <scoresde/sampler/final_step.hpp>
#include <scoresde/sampler/run.hpp>
#include <scoresde/sde/general_sde.hpp>
#include <scoresde/solver/solver.hpp>
#include <scoresde/state/linear_form.hpp>

namespace scoresde {

/// Two methods of consecutive orders, and the options of a run.
template <int Order>
struct DpmSolverPair {
  static_assert(Order == 2 || Order == 3, "DpmSolverPair: the higher order must be 2 or 3");
  static constexpr int order = Order;

  double rtol = 0.05;
  double atol = 0.0078;
  double first_step = 0.05;  ///< in λ
  double safety = 0.9;       ///< θ
  /// The maximum step in λ, positive; infinity in the paper. If only this bound is active, the
  /// error of a run decreases with its power `order`.
  double max_step = Order == 2 ? 0.5 : 1;
  /// The maximum ratio of a step to the previous one, above 1, because the orders may agree by
  /// chance; infinity in the paper.
  double max_growth = 5;
  /// The error that sets the step: that of each sample, which requires a model that accepts one
  /// time per sample, or, as in the paper, the largest of the batch.
  Scope scope = Scope::per_sample;
  std::size_t max_steps = 10000;  ///< maximum number of trial steps, accepted or not
};

/// Orders 1 and 2: two evaluations per trial step.
using DpmSolver12 = DpmSolverPair<2>;
/// Orders 2 and 3: three evaluations per trial step.
using DpmSolver23 = DpmSolverPair<3>;

struct AdaptiveDpmSolverOptions {
  FinalStep final_step = FinalStep::denoise;  ///< or keep_noise, reverse_diffusion
};

namespace detail {

/// One trial step of one sample as forms over {x, F₀, …}.
template <int Order>
class DpmSolverAttempt {
 public:
  static constexpr std::size_t stages = Order;
  using Form = LinearForm<stages + 1>;
  /// The node r of every evaluation.
  static constexpr std::array<double, stages> node = [] {
    std::array<double, stages> r{};
    for (std::size_t i = 0; i < stages; ++i) r[i] = double(i) / Order;
    return r;
  }();

  explicit DpmSolverAttempt(const NoiseLevel& begin) : begin_(begin) {}

  /// The state of evaluation i, computed from the evaluations before it.
  [[nodiscard]] Form at(std::size_t i, const NoiseLevel& level) const {
    if (i == 0) return Form::slot(0);
    const ExponentialStep step(Prediction::noise, begin_, level);
    return i == 1 ? first(step) : corrected(step, node[2] / node[1] * phi(2, step.exponent), 1);
  }
  /// Sets D of evaluation i at x = at(i, level), where the score has the given form.
  void set_prediction(std::size_t i, const NoiseLevel& level, ScoreForm score) {
    prediction_[i] = -level.sigma * (score.state * at(i, level) + score.output * Form::slot(i + 1));
  }
  /// x′ and x″.
  [[nodiscard]] Form lower(const NoiseLevel& end) const {
    const ExponentialStep step(Prediction::noise, begin_, end);
    return Order == 2 ? first(step) : second(step);
  }
  [[nodiscard]] Form higher(const NoiseLevel& end) const {
    const ExponentialStep step(Prediction::noise, begin_, end);
    return Order == 2 ? second(step) : corrected(step, phi(2, step.exponent) / node[2], 2);
  }

 private:
  [[nodiscard]] Form first(const ExponentialStep& step) const {
    return step.state * Form::slot(0) + step.gain * phi(1, step.exponent) * prediction_[0];
  }
  /// first + g·weight·(Dᵢ − D₀).
  [[nodiscard]] Form corrected(const ExponentialStep& step, double weight, std::size_t i) const {
    return first(step) + step.gain * weight * (prediction_[i] + -1.0 * prediction_[0]);
  }
  [[nodiscard]] Form second(const ExponentialStep& step) const {
    return corrected(step, phi(1, step.exponent) / (2 * node[1]), 1);
  }

  NoiseLevel begin_;
  std::array<Form, stages> prediction_{};
};

}  // namespace detail

/// A const, stateless value: state, model and noise are arguments of the call. P is DpmSolver12 or
/// DpmSolver23.
template <class S, class P = DpmSolver23>
class AdaptiveDpmSolver : public SampledFromPrior<AdaptiveDpmSolver<S, P>> {
  static_assert(
      deduced<S>,
      "AdaptiveDpmSolver: an argument is missing or not in its place; it takes (sde, pair, span, "
      "options) or (sde, pair, options), such as AdaptiveDpmSolver{sde, DpmSolver23{}}");
  static_assert(Sde<S> || !GeneralSde<S>,
                "AdaptiveDpmSolver: this SDE is a general one, without the closed-form marginal of "
                "marginal_prob(t); use GeneralProbabilityFlow with AdaptiveRungeKutta");
  static_assert(GeneralSde<S> || SdeArgument<S>::checked);
  static_assert(std::is_same_v<P, DpmSolver12> || std::is_same_v<P, DpmSolver23>,
                "AdaptiveDpmSolver: the second argument must be DpmSolver12 or DpmSolver23");
  using Attempt = detail::DpmSolverAttempt<P::order>;

 public:
  static constexpr const char* name = "adaptive dpm-solver";
  /// States that a workspace holds in addition to x: x′, x′ − x″, x′_prev and all outputs but one.
  static constexpr std::size_t buffers = 3 + Attempt::stages - 1;

  /// From span.t to span.t_next < span.t, where the log-SNR must be finite. Throws Error for a span
  /// outside [0, T], options out of range and final steps other than those above.
  AdaptiveDpmSolver(S sde, P pair, TimeStep span, AdaptiveDpmSolverOptions options = {})
      : sde_(std::move(sde)), pair_(pair), span_(span) {
    using enum FinalStep;
    limits().validate(pair_.first_step, span_, sde_.t_max());
    require(pair_.max_step > 0, name, ": max_step is ", pair_.max_step,
            "; it must be positive, in units of half the log-SNR");
    for (const double t : {span_.t, span_.t_next})
      require(std::isfinite(log_snr(sde_, t)), name, ": the log-SNR at t = ", t,
              " is infinite; end the run before that time and use a final denoising step");
    require_final_step(name, options.final_step, {keep_noise, denoise, reverse_diffusion}, span_);
    last_ = FinalEvaluation(name, sde_, options.final_step, span_.t_next);
  }

  /// Integrates from t_max to t_min.
  explicit AdaptiveDpmSolver(S sde, P pair = {}, AdaptiveDpmSolverOptions options = {})
      : AdaptiveDpmSolver(sde, pair, TimeStep{sde.t_max(), sde.t_min()}, options) {}

  [[nodiscard]] const S& sde() const { return sde_; }
  [[nodiscard]] TimeStep span() const { return span_; }

  using SampledFromPrior<AdaptiveDpmSolver<S, P>>::integrate;
  /// Integrates the given x from span.t to span.t_next; draws no noise and does not allocate.
  /// Throws Error for mismatched shapes, for states and outputs of the model that are not finite
  /// where a step begins, for steps that become too small, after max_steps trials, and for
  /// Scope::per_sample with a model that accepts one time only. on_step is called when the slowest
  /// sample has advanced.
  template <class M, class X, class N, class O = NoObserver>
  SamplerStatistics integrate(M&& model, X& x, const N&, Workspace<X, buffers>& work,
                              O&& observer = O{}) const {
    using Model = std::remove_reference_t<M>;
    static_assert(RunArguments<Model, X, N>::checked);
    require(PerSampleScoreModel<Model, X> || pair_.scope == Scope::batch, name,
            ": Scope::per_sample requires a model with a time per sample, evaluate(x, "
            "span<const double> times, output); pass such a model or use Scope::batch");
    check_shapes(name, x, work);
    Stepper<X> stepper(limits(), x, span_, pair_.first_step, work);
    SamplerRun<X, std::remove_reference_t<O>> run(name, 0, span_.t, x, work.row(0), observer);
    stepper.repeat([&](std::size_t) { return take(model, x, stepper, work); },
                   [&] { evaluate(model, x, times(0, work), stepper.difference()); },
                   [](std::size_t) {}, run);
    return stepper.statistics(run.finish(last_, model, stepper.difference()).nfe);
  }

 private:
  template <class X>
  using Stepper = detail::AdaptiveStepper<X, buffers>;
  using Form = typename Attempt::Form;

  [[nodiscard]] detail::AttemptLimits limits() const {
    return {.sampler = name,
            .atol = pair_.atol,
            .rtol = pair_.rtol,
            .safety = pair_.safety,
            .exponent = 1.0 / P::order,
            .max_growth = pair_.max_growth,
            .max_steps = pair_.max_steps,
            .scope = pair_.scope};
  }

  /// The rows of the times of evaluation 0 and the inner ones, and the first row of coefficients.
  template <class X>
  static constexpr std::size_t inner_row = Stepper<X>::rows;
  template <class X>
  static constexpr std::size_t scratch = inner_row<X> + Attempt::stages - 1;

  template <class X>
  static std::span<double> times(std::size_t i, Workspace<X, buffers>& work) {
    return work.row(i == 0 ? 0 : inner_row<X> + i - 1);
  }
  /// The state that stores output i.
  template <class X>
  static X& output(std::size_t i, Workspace<X, buffers>& work) {
    return work[i == 0 ? 1 : 2 + i];
  }

  /// The step from t, at most h and max_step in λ and not beyond the last time, and its inner
  /// nodes.
  template <class X>
  void choose_step(std::size_t k, Stepper<X>& stepper, Workspace<X, buffers>& work) const {
    const double t = stepper.t()[k];
    double& end = stepper.t_next()[k];
    double& h = stepper.size()[k];
    const double lambda = noise_level(sde_, t).lambda;
    const double remaining = noise_level(sde_, span_.t_next).lambda - lambda;
    h = std::fmin(h, pair_.max_step);
    end = span_.t_next;
    if (h < remaining) end = std::fmax(end, time_of_log_snr(sde_, 2 * (lambda + h)));
    if (end == span_.t_next) h = remaining;
    if (end != span_.t_next) stepper.require_step(k, h, t - end);
    for (std::size_t i = 1; i < Attempt::stages; ++i)
      times(i, work)[k] =
          stepper.is_finished(k) ? t : time_of_log_snr(sde_, 2 * (lambda + Attempt::node[i] * h));
  }

  /// The forms of sample k, with its first `count` predictions.
  template <class M, class X>
  [[nodiscard]] Attempt forms(M& model, std::size_t k, std::size_t count,
                              Workspace<X, buffers>& work) const {
    Attempt forms(noise_level(sde_, work.row(0)[k]));
    for (std::size_t i = 0; i < count; ++i) {
      const double t = times(i, work)[k];
      forms.set_prediction(i, noise_level(sde_, t), model.score_form(t));
    }
    return forms;
  }

  /// out ← form_of(k) over x and the first `count` outputs; `idle`·x for finished samples.
  template <class X, class FormOf>
  void assign_forms(X& out, const X& x, std::size_t count, double idle, Stepper<X>& stepper,
                    Workspace<X, buffers>& work, const FormOf& form_of) const {
    static_assert(scratch<X> + Attempt::stages + 1 <= Workspace<X, buffers>::rows);
    for (std::size_t k = 0; k < work.shape().samples; ++k) {
      const Form form = stepper.is_finished(k) ? idle * Form::slot(0) : form_of(k);
      for (std::size_t j = 0; j <= count; ++j) work.row(scratch<X> + j)[k] = form.coefficient[j];
    }
    std::array<SampleTerm<X>, Attempt::stages + 1> terms{SampleTerm<X>{work.row(scratch<X>), &x}};
    for (std::size_t j = 1; j <= count; ++j)
      terms[j] = {work.row(scratch<X> + j), &output(j - 1, work)};
    backend(out).assign(out, std::span<const SampleTerm<X>>(terms.data(), count + 1),
                        SampleNoise{});
  }

  template <class M, class X>
  std::size_t take(M& model, X& x, Stepper<X>& stepper, Workspace<X, buffers>& work) const {
    for (std::size_t k = 0; k < work.shape().samples; ++k) choose_step(k, stepper, work);
    for (std::size_t i = 0; i < Attempt::stages; ++i) {
      if (i > 0)
        assign_forms(stepper.lower(), x, i, 1, stepper, work, [&](std::size_t k) {
          return forms(model, k, i, work).at(i, noise_level(sde_, times(i, work)[k]));
        });
      evaluate(model, i > 0 ? stepper.lower() : x, times(i, work), output(i, work));
    }
    const auto end = [&](std::size_t k) { return noise_level(sde_, stepper.t_next()[k]); };
    assign_forms(stepper.lower(), x, Attempt::stages, 1, stepper, work, [&](std::size_t k) {
      return forms(model, k, Attempt::stages, work).lower(end(k));
    });
    assign_forms(stepper.difference(), x, Attempt::stages, 0, stepper, work, [&](std::size_t k) {
      const Attempt all = forms(model, k, Attempt::stages, work);
      return all.lower(end(k)) + -1.0 * all.higher(end(k));
    });
    return Attempt::stages;
  }

  template <class M, class X>
  void evaluate(M& model, const X& at, std::span<const double> times, X& output) const {
    if constexpr (PerSampleScoreModel<M, X>)
      if (pair_.scope == Scope::per_sample) return model.evaluate(at, times, output);
    model.evaluate(at, times[0], output);
  }

  S sde_;
  P pair_;
  TimeStep span_;
  FinalEvaluation last_;
};

/// Reports arguments that no constructor takes.
AdaptiveDpmSolver(...)->AdaptiveDpmSolver<NotDeduced>;

}  // namespace scoresde
