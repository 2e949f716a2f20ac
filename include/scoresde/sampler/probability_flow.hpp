// SPDX-License-Identifier: MIT
/// ProbabilityFlow: the deterministic sampler whose marginals are those of the SDE.
///
///   dx/dt = f(t) x − ½ g(t)² ∇log p_t(x)
///
/// Song et al. 2021 (arXiv:2011.13456), eq. 13 and section 4.3. It integrates in both directions:
/// from noise to data (sample, decode) and from data to noise (encode).
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <scoresde/not_deduced.hpp>
#include <scoresde/observer/observer.hpp>
#include <scoresde/ode/adaptive_runge_kutta.hpp>
#include <scoresde/ode/explicit_runge_kutta.hpp>
#include <scoresde/sampler/final_step.hpp>
#include <scoresde/sampler/run.hpp>
#include <scoresde/sampler/sampler.hpp>
#include <scoresde/sde/general_sde.hpp>

namespace scoresde {

/// The ODE field of an SDE's probability flow for a model.
template <class S, class M>
struct ProbabilityFlowField {
  const S& sde;
  M& model;

  /// f − ½g²·p and −½g²·q with the score p·x + q·F.
  [[nodiscard]] FieldForm form(double t) const {
    const double g = sde.diffusion(t);
    const ScoreForm score = model.score_form(t);
    return {sde.drift(t) - 0.5 * g * g * score.state, -0.5 * g * g * score.output};
  }
  template <class X>
  void evaluate(const X& x, double t, X& output) const {
    model.evaluate(x, t, output);
  }
  template <class X>
  requires PerSampleScoreModel<M, X>
  void evaluate(const X& x, std::span<const double> times, X& output) const {
    model.evaluate(x, times, output);
  }
};

struct ProbabilityFlowOptions {
  /// keep_noise, denoise or reverse_diffusion.
  FinalStep final_step = FinalStep::denoise;
};

/// The integrator of a method: itself, or ExplicitRungeKutta of a Runge-Kutta method by name.
template <class I>
struct IntegratorOf {
  using type = I;
};
/// The integrator of a method: itself, or ExplicitRungeKutta of a Runge-Kutta method by name.
template <RungeKuttaMethod I>
struct IntegratorOf<I> {
  using type = ExplicitRungeKutta<I>;
};

namespace detail {

/// Forwards an integrator's notifications to a run.
template <class X, class O>
struct FlowListener {
  SamplerRun<X, O>& run;

  StepAction operator()(TimeStep step, std::size_t evaluations, const X& x) {
    run.nfe = evaluations;
    run.took(step, x);
    return run.stopped() ? StepAction::stop : StepAction::proceed;
  }
  void on_attempt(const StepAttempts& attempts, const X& x) {
    notify_attempt(run.observer(), attempts, x);
  }
};

}  // namespace detail

/// Integrates x over the grid.
template <class I, class F, class X, class M, class O>
SamplerStatistics run_flow(const char* sampler, const I& integrator, const F& field, M& model, X& x,
                           const TimeGrid& grid, const FinalEvaluation& last,
                           Workspace<X, I::buffers>& work, O& observer) {
  check_shapes(sampler, x, work);
  if (last.wanted()) check_score_form(sampler, model, last.t());
  SamplerRun<X, O> run(sampler, I::adaptive ? 0 : grid.size(), grid.front().t, x, work.row(0),
                       observer);
  const OdeStatistics done =
      integrator.solve(field, x, grid, work, detail::FlowListener<X, O>{run});
  run.nfe = done.nfe;
  const std::size_t nfe = run.finish(last, model, work[0]).nfe;
  return {nfe, done.accepted, done.rejected};
}

/// Base class of the flows: reports the first argument of decode and encode that is not valid.
template <class Flow>
class FlowCalls {
 public:
  /// Does not compile.
  template <class... A>
  requires(!is_decode_call<Flow, A...>) SamplerStatistics decode(A&&...)
  const {
    static_assert(sizeof...(A) == 3 || sizeof...(A) == 4,
                  "probability flow: decode and encode take a model, a state, a workspace and, "
                  "optionally, an observer");
    static_assert(DecodeArguments<Flow::buffers, A...>::checked);
    return {};
  }
  /// Does not compile.
  template <class... A>
  requires(!is_decode_call<Flow, A...>) SamplerStatistics encode(A&&... arguments)
  const { return decode(std::forward<A>(arguments)...); }
};

/// I is a fixed-step method (Euler, Heun, RungeKutta4, DormandPrince54), an AdaptiveRungeKutta, or
/// a user-defined OdeIntegrator.
template <class S, class I>
class ProbabilityFlow : public SampledFromPrior<ProbabilityFlow<S, I>>,
                        public FlowCalls<ProbabilityFlow<S, I>> {
  using Integrator = typename IntegratorOf<I>::type;
  static_assert(deduced<S>,
                "ProbabilityFlow: an argument is missing or not in its place; it takes (sde, "
                "integrator, grid, options) or, for an adaptive integrator, (sde, integrator, span,"
                " options), such as ProbabilityFlow{sde, Heun{}, uniform_grid(sde, 100)}");
  static_assert(Sde<S> || !GeneralSde<S>,
                "ProbabilityFlow: this SDE is a general one, without the closed-form marginal of "
                "marginal_prob(t); use GeneralProbabilityFlow");
  static_assert(GeneralSde<S> || SdeArgument<S>::checked);
  static_assert(
      requires { Integrator::order, Integrator::buffers, Integrator::adaptive; },
      "ProbabilityFlow: the second argument is neither a Runge-Kutta method by name nor "
      "an ODE integrator; it needs order, buffers, adaptive and solve(field, x, grid, "
      "work, listener)");

 public:
  static constexpr const char* name = "probability flow";
  /// States that a workspace holds in addition to x.
  static constexpr std::size_t buffers = Integrator::buffers;

  /// Integrates over the steps of the grid, in either direction; adaptive integrators require a
  /// grid of one step. Throws Error for a grid outside [0, T], for arguments that the integrator
  /// rejects, for an SDE without finite drift and diffusion where a fixed-step method evaluates
  /// them, and unless the final step is one of those above. A grid that increases requires
  /// keep_noise.
  ProbabilityFlow(S sde, I integrator, TimeGrid grid, ProbabilityFlowOptions options = {})
      : sde_(std::move(sde)), grid_(std::move(grid)) {
    if constexpr (!RungeKuttaMethod<I>) integrator_ = std::move(integrator);
    if constexpr (requires { integrator_.validate(); }) integrator_.validate();
    for (const double t : {grid_.front().t, grid_.back().t_next})
      require(t >= 0 && t <= sde_.t_max(), name, ": the grid reaches t = ", t,
              "; it must lie in [0, T] with T = ", sde_.t_max());
    require(!Integrator::adaptive || grid_.size() == 1, name,
            ": the grid of an adaptive integrator has ", grid_.size(),
            " steps; it must have one, from the first time to the last");
    for_each_stage_time(grid_, [this](double t) {
      const double f = sde_.drift(t), g = sde_.diffusion(t);
      require(std::isfinite(f) && std::isfinite(g), name, ": drift is ", f, " and diffusion ", g,
              " at t = ", t, "; both must be finite where the method evaluates the flow");
    });
    using enum FinalStep;
    const TimeStep span{grid_.front().t, grid_.back().t_next};
    require_final_step(name, options.final_step, {keep_noise, denoise, reverse_diffusion}, span);
    last_ = FinalEvaluation(name, sde_, options.final_step, span.t_next);
  }

  /// Integrates over one span {t, t_next}, by an adaptive integrator.
  ProbabilityFlow(S sde, I integrator, TimeStep span, ProbabilityFlowOptions options = {})
      : ProbabilityFlow(std::move(sde), std::move(integrator),
                        TimeGrid(std::vector<TimeStep>{span}), options) {
    static_assert(Integrator::adaptive,
                  "ProbabilityFlow: the grid is missing; a fixed-step method takes (sde, method, "
                  "grid, options), such as ProbabilityFlow{sde, Heun{}, uniform_grid(sde, 100)}");
  }

  /// Integrates from t_max to t_min, by an adaptive integrator.
  ProbabilityFlow(S sde, I integrator, ProbabilityFlowOptions options = {})
      : ProbabilityFlow(sde, std::move(integrator), TimeStep{sde.t_max(), sde.t_min()}, options) {}

  /// Evaluations of the model in one run from noise to data, if the steps are fixed.
  [[nodiscard]] std::size_t nfe() const requires(!Integrator::adaptive) {
    return Integrator::nfe(grid_.size()) + (last_.wanted() ? 1 : 0);
  }

  [[nodiscard]] const S& sde() const { return sde_; }
  [[nodiscard]] const TimeGrid& grid() const { return grid_; }

  using SampledFromPrior<ProbabilityFlow<S, I>>::integrate;
  /// Calls decode, with the signature that all samplers share; draws no noise.
  template <class M, class X, class N, class O = NoObserver>
  SamplerStatistics integrate(M&& model, X& x, const N&, Workspace<X, buffers>& work,
                              O&& observer = O{}) const {
    static_assert(RunArguments<std::remove_reference_t<M>, X, N>::checked);
    return decode(model, x, work, observer);
  }

  using FlowCalls<ProbabilityFlow<S, I>>::decode;
  /// Integrates the given x over the grid and performs the final step. Does not allocate. Throws
  /// Error for mismatched shapes, times at which the model cannot be evaluated, and states that are
  /// not finite.
  template <class M, class X, class O = NoObserver>
  SamplerStatistics decode(M&& model, X& x, WorkspaceOf<X, buffers>& work,
                           O&& observer = O{}) const {
    static_assert(StateArgument<X>::checked);
    return run(model, x, grid_, last_, work, observer);
  }

  using FlowCalls<ProbabilityFlow<S, I>>::encode;
  /// Integrates the given x over the reversed grid, from data to noise. Allocates the reversed
  /// grid.
  template <class M, class X, class O = NoObserver>
  SamplerStatistics encode(M&& model, X& x, WorkspaceOf<X, buffers>& work,
                           O&& observer = O{}) const {
    static_assert(StateArgument<X>::checked);
    return run(model, x, grid_.reversed(), {}, work, observer);
  }

 private:
  /// Calls use(t) for the times at which a fixed-step method evaluates the flow.
  template <class Use>
  static void for_each_stage_time(const TimeGrid& grid, const Use& use) {
    if constexpr (RungeKuttaMethod<I>)
      for (const TimeStep& step : grid)
        for (std::size_t i = 0; i < Integrator::stages; ++i) use(stage_time<I>(step, i));
  }

  template <class M, class X, class O>
  SamplerStatistics run(M& model, X& x, const TimeGrid& grid, const FinalEvaluation& last,
                        Workspace<X, buffers>& work, O& observer) const {
    static_assert(ModelArgument<std::remove_reference_t<M>, X>::checked);
    for_each_stage_time(grid, [&](double t) { check_score_form(name, model, t); });
    return run_flow(name, integrator_, ProbabilityFlowField<S, M>{sde_, model}, model, x, grid,
                    last, work, observer);
  }

  S sde_;
  Integrator integrator_{};
  TimeGrid grid_;
  FinalEvaluation last_;
};

/// Reports arguments that no constructor takes.
ProbabilityFlow(...)->ProbabilityFlow<NotDeduced, NotDeduced>;

}  // namespace scoresde
