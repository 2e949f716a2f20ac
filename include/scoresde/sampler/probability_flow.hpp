// SPDX-License-Identifier: MIT
/// ProbabilityFlow: the deterministic sampler whose marginals are those of the SDE.
///
///   dx/dt = f(t) x − ½ g(t)² ∇log p_t(x)
///
/// Song et al. 2021 (arXiv:2011.13456), eq. 13 and section 4.3. It runs both ways: from noise to
/// data (sample, decode) and from data to its noise (encode).
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <scoresde/ode/adaptive_runge_kutta.hpp>
#include <scoresde/ode/explicit_runge_kutta.hpp>
#include <scoresde/sampler/final_denoise.hpp>
#include <scoresde/sampler/observer.hpp>
#include <scoresde/sampler/sampler.hpp>
#include <scoresde/sde/general_sde.hpp>

namespace scoresde {

/// The flow of an SDE under a model, as an integrator sees it.
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
  FinalDenoise denoise = FinalDenoise::none;
};

namespace detail {

template <class I>
struct IntegratorOf {
  using type = I;
};
template <RungeKuttaMethod I>
struct IntegratorOf<I> {
  using type = ExplicitRungeKutta<I>;
};

/// Passes on to the observer what an integrator tells, and refuses states that are not finite.
template <bool adaptive, class O>
struct FlowListener {
  FiniteLooks look;
  O& observer;
  std::span<double> row;
  std::size_t taken = 0;
  StepAction action = StepAction::proceed;

  template <class X>
  StepAction operator()(TimeStep step, std::size_t evaluations, const X& x) {
    ++taken;
    if constexpr (!adaptive) look(x, taken, step.t_next, row);
    action = notify_step(observer, {taken - 1, look.steps, step, evaluations}, x);
    return action;
  }
  template <class X>
  void on_try(const TriedSteps& tried, const X& x) {
    notify_try(observer, tried, x);
  }
};

}  // namespace detail

/// I is a method by name (Euler, Heun, RungeKutta4, DormandPrince54: fixed steps over the grid), an
/// AdaptiveRungeKutta, or a user's OdeIntegrator.
template <class S, class I>
class ProbabilityFlow {
  using Integrator = typename detail::IntegratorOf<I>::type;
  static_assert(Sde<S> || !GeneralSde<S>,
                "ProbabilityFlow: this SDE is a general one, without the closed-form marginal of "
                "marginal_prob(t); take GeneralProbabilityFlow");
  static_assert(GeneralSde<S> || detail::SdeArgument<S>::checked);
  static_assert(
      requires { Integrator::order, Integrator::buffers, Integrator::adaptive; },
      "ProbabilityFlow: the second argument is neither a Runge-Kutta method by name nor "
      "an ODE integrator; it needs order, buffers, adaptive and solve(field, x, grid, "
      "work, listener)");

 public:
  /// States a workspace must hold beside x.
  static constexpr std::size_t buffers = Integrator::buffers;

  /// Steps of the grid, in either direction; for adaptive integrators a grid of one step. Throws
  /// Error for a grid outside [0, T], for arguments the integrator refuses, and for an SDE that has
  /// no finite drift and diffusion where a method by name evaluates it.
  ProbabilityFlow(S sde, I integrator, TimeGrid grid, ProbabilityFlowOptions options = {})
      : sde_(std::move(sde)), grid_(std::move(grid)), options_(options) {
    if constexpr (!RungeKuttaMethod<I>) integrator_ = std::move(integrator);
    if constexpr (requires { integrator_.validate(); }) integrator_.validate();
    for (const double t : {grid_.front().t, grid_.back().t_next})
      detail::require(t >= 0 && t <= sde_.t_max(), "probability flow: the grid reaches t = ", t,
                      "; it must lie in [0, T] with T = ", sde_.t_max());
    detail::require(!Integrator::adaptive || grid_.size() == 1,
                    "probability flow: an adaptive integrator is given a grid of ", grid_.size(),
                    " steps; give one, from the first time to the last");
    for_each_stage_time(grid_, [this](double t) {
      const double f = sde_.drift(t), g = sde_.diffusion(t);
      detail::require(std::isfinite(f) && std::isfinite(g), "probability flow: drift is ", f,
                      " and diffusion ", g, " at t = ", t,
                      "; both must be finite where the method evaluates the flow");
    });
    detail::check_final_denoise("probability flow", sde_, options_.denoise, grid_.back().t_next);
  }

  /// The same over one span {t, t_next}.
  ProbabilityFlow(S sde, I integrator, TimeStep span, ProbabilityFlowOptions options = {})
      : ProbabilityFlow(std::move(sde), std::move(integrator),
                        TimeGrid(std::vector<TimeStep>{span}), options) {}

  /// The same from t_max to t_min.
  ProbabilityFlow(S sde, I integrator, ProbabilityFlowOptions options = {})
      : ProbabilityFlow(sde, std::move(integrator), TimeStep{sde.t_max(), sde.t_min()}, options) {}

  /// Evaluations of the model in one run from noise to data, where the steps are fixed.
  [[nodiscard]] std::size_t nfe() const requires(!Integrator::adaptive) {
    return Integrator::nfe(grid_.size()) + (options_.denoise == FinalDenoise::none ? 0 : 1);
  }

  [[nodiscard]] const S& sde() const { return sde_; }
  [[nodiscard]] const TimeGrid& grid() const { return grid_; }

  /// Fills x with a draw from the prior, or from the marginal where the grid begins below T, and
  /// carries it to the data. Makes a workspace. Throws Error for a grid that increases, and as
  /// draw_prior and integrate do.
  template <class M, class X, class N, class O = NoObserver>
  SamplerStatistics sample(M&& model, X& x, const N& noise, O&& observer = O{}) const {
    static_assert(detail::RunArguments<std::remove_reference_t<M>, X, N>::checked);
    detail::require(grid_.generates(), "probability flow: the grid goes from ", grid_.front().t,
                    " up to ", grid_.back().t_next, "; to sample, time must decrease");
    Workspace<X, buffers> work(x);
    draw_prior(sde_, grid_.front().t, x, noise.draw(0));
    return decode(model, x, work, observer);
  }

  /// decode, with the signature that all samplers share; no noise is drawn.
  template <class M, class X, class N, class O = NoObserver>
  SamplerStatistics integrate(M&& model, X& x, const N&, Workspace<X, buffers>& work,
                              O&& observer = O{}) const {
    return decode(model, x, work, observer);
  }

  /// Carries the x given along the grid as it is, and denoises at its end where asked to. Allocates
  /// nothing. Throws Error for mismatched shapes, times that the model does not take, and states
  /// that are not finite.
  template <class M, State X, class O = NoObserver>
  SamplerStatistics decode(M&& model, X& x, Workspace<X, buffers>& work, O&& observer = O{}) const {
    return run(model, x, grid_, options_.denoise, work, observer);
  }

  /// Carries the x given along the reversed grid: from data to its noise. Makes the reversed grid.
  template <class M, State X, class O = NoObserver>
  SamplerStatistics encode(M&& model, X& x, Workspace<X, buffers>& work, O&& observer = O{}) const {
    return run(model, x, grid_.reversed(), FinalDenoise::none, work, observer);
  }

 private:
  /// use(t) for the times at which a method by name evaluates the flow.
  template <class Use>
  static void for_each_stage_time(const TimeGrid& grid, const Use& use) {
    if constexpr (RungeKuttaMethod<I>)
      for (const TimeStep& step : grid)
        for (std::size_t i = 0; i < Integrator::stages; ++i) use(detail::stage_time<I>(step, i));
  }

  template <class M, class X, class O>
  SamplerStatistics run(M& model, X& x, const TimeGrid& grid, FinalDenoise denoise,
                        Workspace<X, buffers>& work, O& observer) const {
    static_assert(detail::ModelArgument<std::remove_reference_t<M>, X>::checked);
    detail::check_shapes("probability flow", x, work);
    for_each_stage_time(grid,
                        [&](double t) { detail::check_score_form("probability flow", model, t); });
    if (denoise != FinalDenoise::none)
      detail::check_score_form("probability flow", model, grid.back().t_next);
    const ProbabilityFlowField<S, M> field{sde_, model};
    const std::size_t steps = Integrator::adaptive ? 0 : grid.size();
    detail::notify_start(observer, {0, steps, {grid.front().t, grid.front().t}, 0}, x);
    detail::FlowListener<Integrator::adaptive, O> listener{
        {"probability flow", steps, grid.front().t}, observer, work.row(0)};
    const OdeStatistics done = integrator_.solve(field, x, grid, work, listener);
    SamplerStatistics statistics{done.nfe, done.accepted, done.rejected};
    if (denoise != FinalDenoise::none && listener.action == StepAction::proceed) {
      detail::denoise(sde_, model, x, grid.back().t_next, denoise, work[0]);
      ++statistics.nfe;
      const double end = grid.back().t_next;
      detail::check_finite("probability flow", x, {end, end}, work.row(0));
    }
    detail::notify_finish(observer, static_cast<const X&>(x));
    return statistics;
  }

  S sde_;
  Integrator integrator_{};
  TimeGrid grid_;
  ProbabilityFlowOptions options_;
};

}  // namespace scoresde
