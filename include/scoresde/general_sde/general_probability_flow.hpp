// SPDX-License-Identifier: MIT
/// GeneralProbabilityFlow: the ODE whose marginals are those of a general SDE.
///
///   dx/dt = f − ½ ∂(g²)/∂x − ½ g² ∇log p_t(x),   element by element
///
/// Song et al. 2021 (arXiv:2011.13456), eq. 17, with a diagonal G. The slope is not a linear form,
/// so one additional pass over memory, compared to ProbabilityFlow, replaces the model's output by
/// the slope, which every ODE integrator accepts.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <scoresde/sampler/probability_flow.hpp>
#include <scoresde/sde/general_sde.hpp>
#include <scoresde/state/elementwise.hpp>

namespace scoresde {
namespace detail {

/// The slope of one element; F is the model's raw output.
template <class S, class FormOf, class TimeOf>
struct FlowElement {
  const S* sde;
  FormOf form_of;
  TimeOf time_of;

  double operator()(ElementIndex at, double x, double f) const {
    const double t = time_of(at.sample);
    const ScoreForm form = form_of(t);
    const ElementProcess<S> process{sde, at.element};
    const double g = process.diffusion(x, t);
    const double score = form.state * x + form.output * f;
    return process.drift(x, t) - g * (process.diffusion_derivative(x, t) + 0.5 * g * score);
  }
};

}  // namespace detail

/// The ODE field of a general SDE's probability flow for a model. With one time per sample, the
/// model's score_form is evaluated for every element.
template <class S, class M>
struct GeneralFlowField {
  const S& sde;
  M& model;

  [[nodiscard]] FieldForm form(double) const { return {0, 1}; }

  template <class X>
  void evaluate(const X& x, double t, X& output) const {
    model.evaluate(x, t, output);
    slope(
        x, output, [form = model.score_form(t)](double) { return form; },
        [t](std::size_t) { return t; });
  }
  template <class X>
  requires PerSampleScoreModel<M, X>
  void evaluate(const X& x, std::span<const double> times, X& output) const {
    model.evaluate(x, times, output);
    slope(
        x, output, [model = &model](double t) { return model->score_form(t); },
        [times = times.data()](std::size_t k) { return times[k]; });
  }

 private:
  template <class X, class FormOf, class TimeOf>
  void slope(const X& x, X& output, FormOf form_of, TimeOf time_of) const {
    const detail::FlowElement<S, FormOf, TimeOf> element{&sde, form_of, time_of};
    backend(x).transform(output, element, x, output);
  }
};

/// I is a fixed-step method, an AdaptiveRungeKutta, or a user-defined OdeIntegrator, as for
/// ProbabilityFlow.
template <class S, class I>
class GeneralProbabilityFlow : public SampledFromPrior<GeneralProbabilityFlow<S, I>>,
                               public FlowCalls<GeneralProbabilityFlow<S, I>> {
  using Integrator = typename IntegratorOf<I>::type;
  static_assert(
      GeneralSde<S>,
      "GeneralProbabilityFlow: the first argument is not a general SDE; it needs drift(x, "
      "t), diffusion(x, t) and diffusion_derivative(x, t); for a linear SDE use "
      "ProbabilityFlow, or AsGeneralSde");
  static_assert(
      !GeneralSde<S> || GeneralSdeWithDerivative<S>,
      "GeneralProbabilityFlow: the flow requires the derivative of the diffusion in x; give "
      "the SDE diffusion_derivative(x, t), which is 0 where the noise is additive");
  static_assert(
      requires { Integrator::order, Integrator::buffers, Integrator::adaptive; },
      "GeneralProbabilityFlow: the second argument is neither a Runge-Kutta method by name nor an "
      "ODE integrator; it needs order, buffers, adaptive and solve(field, x, grid, work, "
      "listener)");

 public:
  static constexpr const char* name = "general probability flow";
  /// States that a workspace holds in addition to x.
  static constexpr std::size_t buffers = Integrator::buffers;

  /// Integrates over the steps of the grid, in either direction; adaptive integrators require a
  /// grid of one step. Throws Error for a grid outside [0, t_max()] if the SDE has t_max(), and for
  /// arguments that the integrator rejects.
  GeneralProbabilityFlow(S sde, I integrator, TimeGrid grid)
      : sde_(std::move(sde)), grid_(std::move(grid)) {
    if constexpr (!RungeKuttaMethod<I>) integrator_ = std::move(integrator);
    if constexpr (requires { integrator_.validate(); }) integrator_.validate();
    require_times(name, sde_, grid_);
    require(!Integrator::adaptive || grid_.size() == 1, name,
            ": the grid of an adaptive integrator has ", grid_.size(),
            " steps; it must have one, from the first time to the last");
  }

  /// Integrates over one span {t, t_next}.
  GeneralProbabilityFlow(S sde, I integrator, TimeStep span)
      : GeneralProbabilityFlow(std::move(sde), std::move(integrator),
                               TimeGrid(std::vector<TimeStep>{span})) {}

  /// Evaluations of the model in one run, if the steps are fixed.
  [[nodiscard]] std::size_t nfe() const requires(!Integrator::adaptive) {
    return Integrator::nfe(grid_.size());
  }

  [[nodiscard]] const S& sde() const { return sde_; }
  [[nodiscard]] const TimeGrid& grid() const { return grid_; }

  /// Calls decode with a newly allocated workspace.
  template <class M, class X, class O = NoObserver>
  SamplerStatistics run(M&& model, X& x, O&& observer = O{}) const {
    static_assert(ModelArgument<std::remove_reference_t<M>, X>::checked);
    Workspace<X, buffers> work(x);
    return decode(model, x, work, observer);
  }
  /// Does not compile: the state is a temporary.
  template <class M, class X, class... O>
  requires(!std::is_lvalue_reference_v<X>) SamplerStatistics run(M&&, X&&, O&&...)
  const {
    static_assert(ModelArgument<std::remove_reference_t<M>, X&&>::checked);
    return {};
  }

  using SampledFromPrior<GeneralProbabilityFlow<S, I>>::integrate;
  /// Calls decode, with the signature that all samplers share; draws no noise.
  template <class M, State X, class N, class O = NoObserver>
  SamplerStatistics integrate(M&& model, X& x, const N&, Workspace<X, buffers>& work,
                              O&& observer = O{}) const {
    static_assert(RunArguments<std::remove_reference_t<M>, X, N>::checked);
    return decode(model, x, work, observer);
  }

  using FlowCalls<GeneralProbabilityFlow<S, I>>::decode;
  /// Integrates the given x over the grid without allocating. Throws Error for mismatched shapes
  /// and states that are not finite.
  template <class M, class X, class O = NoObserver>
  SamplerStatistics decode(M&& model, X& x, WorkspaceOf<X, buffers>& work,
                           O&& observer = O{}) const {
    static_assert(StateArgument<X>::checked);
    return solve(model, x, grid_, work, observer);
  }

  using FlowCalls<GeneralProbabilityFlow<S, I>>::encode;
  /// Integrates the given x over the reversed grid, which it allocates.
  template <class M, class X, class O = NoObserver>
  SamplerStatistics encode(M&& model, X& x, WorkspaceOf<X, buffers>& work,
                           O&& observer = O{}) const {
    static_assert(StateArgument<X>::checked);
    return solve(model, x, grid_.reversed(), work, observer);
  }

 private:
  template <class M, class X, class O>
  SamplerStatistics solve(M& model, X& x, const TimeGrid& grid, Workspace<X, buffers>& work,
                          O& observer) const {
    static_assert(ModelArgument<M, X>::checked);
    static_assert(
        ElementwiseState<X>,
        "GeneralProbabilityFlow: the state's backend cannot apply a function element by element;"
        " it needs transform(out, f, inputs...) (scoresde/state/elementwise.hpp)");
    return run_flow(name, integrator_, GeneralFlowField<S, M>{sde_, model}, model, x, grid,
                    FinalEvaluation(), work, observer);
  }

  S sde_;
  Integrator integrator_{};
  TimeGrid grid_;
};

}  // namespace scoresde
