// SPDX-License-Identifier: MIT
/// ReverseSimulation: a general SDE backward in time, using the score of its marginals.
///
///   dx = [f − ∂(g²)/∂x − g² ∇log p_t(x)] dt + g dw̄,   element by element
///
/// Anderson 1982; Song et al. 2021 (arXiv:2011.13456), eq. 16, with a diagonal G. Supported schemes
/// evaluate the drift once per step: EulerMaruyama, Milstein, DerivativeFreeMilstein.
#pragma once

#include <cmath>
#include <cstddef>
#include <type_traits>
#include <utility>

#include <scoresde/general_sde/schemes.hpp>
#include <scoresde/observer/observer.hpp>
#include <scoresde/sampler/final_step.hpp>
#include <scoresde/sampler/run.hpp>
#include <scoresde/sampler/sampler.hpp>
#include <scoresde/sde/general_sde.hpp>
#include <scoresde/state/elementwise.hpp>

namespace scoresde {

struct ReverseSimulationOptions {
  /// keep_noise or drop_last_noise, which replaces the last step by its mean x + h·drift. Where p_0
  /// is smooth, this removes the variance g²h, so it is not the default here, unlike in
  /// PredictorCorrector.
  FinalStep final_step = FinalStep::keep_noise;
};

namespace detail {

/// The reverse-time process of one element, given its score.
template <class S>
struct ReverseProcess {
  ElementProcess<S> forward;
  double score;

  [[nodiscard]] double drift(double x, double t) const {
    const double g = forward.diffusion(x, t);
    return forward.drift(x, t) - g * (2 * forward.diffusion_derivative(x, t) + g * score);
  }
  [[nodiscard]] double diffusion(double x, double t) const { return forward.diffusion(x, t); }
  [[nodiscard]] double diffusion_derivative(double x, double t) const {
    return forward.diffusion_derivative(x, t);
  }
};

/// One step of one element; F is the model's raw output, z ~ N(0, 1).
template <class S, class R>
struct ReverseElement {
  const S* sde;
  const R* scheme;
  ScoreForm form;
  TimeStep time;
  double root;  // √(t − t_next)

  double operator()(ElementIndex at, double x, double f, double z) const {
    return scheme->step(process(at, x, f), x, time, root * z);
  }
  /// The mean of the step.
  double operator()(ElementIndex at, double x, double f) const {
    return x + (time.t_next - time.t) * process(at, x, f).drift(x, time.t);
  }

 private:
  ReverseProcess<S> process(ElementIndex at, double x, double f) const {
    return {{sde, at.element}, form.state * x + form.output * f};
  }
};

}  // namespace detail

/// A const, stateless value: state, model and noise are arguments of the call. Draws and checks are
/// those of Simulation; draw 0 is the prior.
template <class S, class R>
class ReverseSimulation : public SampledFromPrior<ReverseSimulation<S, R>> {
  static_assert(GeneralSde<S>,
                "ReverseSimulation: the first argument is not a general SDE; it needs drift(x, t), "
                "diffusion(x, t) and diffusion_derivative(x, t); for a linear SDE use "
                "PredictorCorrector, or AsGeneralSde");
  static_assert(!GeneralSde<S> || GeneralSdeWithDerivative<S>,
                "ReverseSimulation: the reverse drift needs the derivative of the diffusion in x; "
                "give the SDE diffusion_derivative(x, t), which is 0 where the noise is additive");
  static_assert(
      StrongScheme<R> && !detail::scheme_looks_ahead<R>,
      "ReverseSimulation: the second argument is not a scheme that evaluates the drift once"
      " per step; EulerMaruyama, Milstein and DerivativeFreeMilstein are");

 public:
  static constexpr const char* name = "reverse simulation";
  /// States that a workspace holds in addition to x.
  static constexpr std::size_t buffers = 1;

  /// Throws Error unless time decreases, within [0, t_max()] if the SDE has t_max(), and the final
  /// step is one of those above.
  ReverseSimulation(S sde, R scheme, TimeGrid grid, ReverseSimulationOptions options = {})
      : sde_(std::move(sde)),
        scheme_(std::move(scheme)),
        grid_(std::move(grid)),
        options_(options) {
    require(grid_.generates(), name, ": the grid goes from ", grid_.front().t, " up to ",
            grid_.back().t_next, "; time must decrease");
    require_times(name, sde_, grid_);
    detail::require_noisy(name, scheme_);
    require_final_step(name, options_.final_step,
                       {FinalStep::keep_noise, FinalStep::drop_last_noise},
                       {grid_.front().t, grid_.back().t_next});
  }

  /// Evaluations of the model in one run.
  [[nodiscard]] std::size_t nfe() const { return grid_.size(); }

  [[nodiscard]] const S& sde() const { return sde_; }
  [[nodiscard]] const TimeGrid& grid() const { return grid_; }

  /// Calls integrate with a newly allocated workspace.
  template <class M, class X, class N, class O = NoObserver>
  SamplerStatistics run(M&& model, X& x, const N& noise, O&& observer = O{}) const {
    static_assert(RunArguments<std::remove_reference_t<M>, X, N>::checked);
    Workspace<X, buffers> work(x);
    return integrate(model, x, noise, work, observer);
  }
  /// Does not compile: reports the first argument that is not valid.
  template <class... A>
  requires(!is_sample_call<A...>) SamplerStatistics run(A&&...)
  const {
    static_assert(sizeof...(A) == 3 || sizeof...(A) == 4,
                  "reverse simulation: run takes a model, a state, a noise source as "
                  "Noise{.seed = 42} and, optionally, an observer");
    static_assert(SampleArguments<A...>::checked);
    return {};
  }

  using SampledFromPrior<ReverseSimulation<S, R>>::integrate;
  /// Integrates the given x over the grid without allocating. Throws Error for mismatched shapes
  /// and states that are not finite.
  template <class M, State X, class N, class O = NoObserver>
  SamplerStatistics integrate(M&& model, X& x, const N& noise, Workspace<X, buffers>& work,
                              O&& observer = O{}) const {
    check_arguments<std::remove_reference_t<M>, X, N>();
    check_shapes(name, x, work);
    SamplerRun<X, std::remove_reference_t<O>> run(name, grid_.size(), grid_.front().t, x,
                                                  work.row(0), observer);
    for (std::size_t i = 0; i < grid_.size() && !run.stopped(); ++i) {
      const TimeStep time = grid_[i];
      model.evaluate(static_cast<const X&>(x), time.t, work[0]);
      ++run.nfe;
      take(x, work[0], model.score_form(time.t), i, noise);
      run.took(time, x);
    }
    return run.finish();
  }

 private:
  template <class M, class X, class N>
  static constexpr void check_arguments() {
    static_assert(RunArguments<M, X, N>::checked);
    static_assert(
        ElementwiseState<X>,
        "ReverseSimulation: the state's backend cannot apply a function element by element; it "
        "needs transform(out, f, inputs...) (scoresde/state/elementwise.hpp)");
  }

  template <class X, class N>
  void take(X& x, const X& output, ScoreForm form, std::size_t i, const N& noise) const {
    const TimeStep time = grid_[i];
    const detail::ReverseElement<S, R> element{&sde_, &scheme_, form, time,
                                               std::sqrt(time.t - time.t_next)};
    if (options_.final_step == FinalStep::drop_last_noise && i + 1 == grid_.size())
      backend(x).transform(x, element, x, output);
    else
      with_step_noise<X>(noise, i + 1, time, 1,
                         [&](const auto& z) { backend(x).transform(x, element, x, output, z); });
  }

  S sde_;
  R scheme_;
  TimeGrid grid_;
  ReverseSimulationOptions options_;
};

}  // namespace scoresde
