// SPDX-License-Identifier: MIT
/// ReverseSimulation: a general SDE backward in time, by the score of its marginals.
///
///   dx = [f − ∂(g²)/∂x − g² ∇log p_t(x)] dt + g dw̄,   element by element
///
/// Anderson 1982; Song et al. 2021 (arXiv:2011.13456), eq. 16, with a diagonal G. Schemes that ask
/// for the drift once a step fit: EulerMaruyama, Milstein, DerivativeFreeMilstein.
#pragma once

#include <cmath>
#include <cstddef>
#include <type_traits>
#include <utility>

#include <scoresde/sampler/observer.hpp>
#include <scoresde/sampler/sampler.hpp>
#include <scoresde/sde/general_sde.hpp>
#include <scoresde/solver/strong_schemes.hpp>
#include <scoresde/state/elementwise.hpp>

namespace scoresde {

struct ReverseSimulationOptions {
  /// The last step is its mean, x + h·drift. Where p_0 is smooth this takes the variance g²h out of
  /// it, hence not the default here as it is in PredictorCorrector.
  bool denoise = false;
};

namespace detail {

/// The reverse-time process of one element where its score is known.
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

/// A const, stateless value: the state's type, the model and the noise meet it in the call. Draws
/// and checks are those of Simulation; draw 0 is the prior's.
template <class S, class R>
class ReverseSimulation {
  static_assert(GeneralSde<S>,
                "ReverseSimulation: the first argument is no general SDE; it needs drift(x, t), "
                "diffusion(x, t) and diffusion_derivative(x, t); for a linear SDE take "
                "PredictorCorrector, or AsGeneralSde");
  static_assert(!GeneralSde<S> || GeneralSdeWithDerivative<S>,
                "ReverseSimulation: the reverse drift needs the derivative of the diffusion in x; "
                "give the SDE diffusion_derivative(x, t), which is 0 where the noise is additive");
  static_assert(StrongScheme<R> && !detail::scheme_looks_ahead<R>,
                "ReverseSimulation: the second argument is no scheme that asks for the drift once a"
                " step; EulerMaruyama, Milstein and DerivativeFreeMilstein are");

 public:
  /// States a workspace must hold beside x.
  static constexpr std::size_t buffers = 1;

  /// Throws Error unless time decreases, within [0, t_max()] where the SDE has that.
  ReverseSimulation(S sde, R scheme, TimeGrid grid, ReverseSimulationOptions options = {})
      : sde_(std::move(sde)),
        scheme_(std::move(scheme)),
        grid_(std::move(grid)),
        options_(options) {
    detail::require(grid_.generates(), "reverse simulation: the grid goes from ", grid_.front().t,
                    " up to ", grid_.back().t_next, "; time must decrease");
    detail::require_times("reverse simulation", sde_, grid_);
    detail::require_noisy("reverse simulation", scheme_);
  }

  /// Evaluations of the model in one run.
  [[nodiscard]] std::size_t nfe() const { return grid_.size(); }

  [[nodiscard]] const S& sde() const { return sde_; }
  [[nodiscard]] const TimeGrid& grid() const { return grid_; }

  /// Fills x with a draw from the SDE's prior and carries it back. Makes a workspace. Throws Error
  /// for a grid that begins below the SDE's t_max().
  template <class M, class X, class N, class O = NoObserver>
  SamplerStatistics sample(M&& model, X& x, const N& noise, O&& observer = O{}) const {
    static_assert(detail::RunArguments<std::remove_reference_t<M>, X, N>::checked);
    static_assert(detail::HasPrior<S>,
                  "ReverseSimulation: the SDE has no prior_std() to draw the first state by; fill "
                  "x and call run or integrate");
    draw_prior(sde_, grid_.front().t, x, noise.draw(0));
    return run(model, x, noise, observer);
  }

  /// integrate with a workspace of its own.
  template <class M, State X, class N, class O = NoObserver>
  SamplerStatistics run(M&& model, X& x, const N& noise, O&& observer = O{}) const {
    Workspace<X, buffers> work(x);
    return integrate(model, x, noise, work, observer);
  }

  /// Carries the x given through the grid; allocates nothing. Throws Error for mismatched shapes
  /// and states that are not finite.
  template <class M, State X, class N, class O = NoObserver>
  SamplerStatistics integrate(M&& model, X& x, const N& noise, Workspace<X, buffers>& work,
                              O&& observer = O{}) const {
    check_arguments<std::remove_reference_t<M>, X, N>();
    detail::check_shapes("reverse simulation", x, work);
    detail::notify_start(observer, {0, grid_.size(), {grid_.front().t, grid_.front().t}, 0}, x);
    detail::FiniteLooks look{"reverse simulation", grid_.size(), grid_.front().t};
    std::size_t taken = 0;
    for (const TimeStep time : grid_) {
      model.evaluate(static_cast<const X&>(x), time.t, work[0]);
      take(x, work[0], model.score_form(time.t), time, noise, ++taken);
      look(x, taken, time.t_next, work.row(0));
      if (detail::notify_step(observer, {taken - 1, grid_.size(), time, taken}, x) ==
          StepAction::stop)
        break;
    }
    detail::notify_finish(observer, static_cast<const X&>(x));
    return {taken, taken, 0};
  }

 private:
  template <class M, class X, class N>
  static constexpr void check_arguments() {
    static_assert(detail::RunArguments<M, X, N>::checked);
    static_assert(ElementwiseState<X>,
                  "ReverseSimulation: the state's backend runs no function element by element; it "
                  "needs transform(out, f, inputs...) (scoresde/state/elementwise.hpp)");
  }

  template <class X, class N>
  void take(X& x, const X& output, ScoreForm form, TimeStep time, const N& noise,
            std::size_t number) const {
    const detail::ReverseElement<S, R> element{&sde_, &scheme_, form, time,
                                               std::sqrt(time.t - time.t_next)};
    if (options_.denoise && number == grid_.size())
      backend(x).transform(x, element, x, output);
    else
      detail::with_step_noise<X>(noise, number, time, 1, [&](const auto& z) {
        backend(x).transform(x, element, x, output, z);
      });
  }

  S sde_;
  R scheme_;
  TimeGrid grid_;
  ReverseSimulationOptions options_;
};

}  // namespace scoresde
