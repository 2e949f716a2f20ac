// SPDX-License-Identifier: MIT
/// Common parts of all sampler runs: checks, notifications and the prior draw.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>
#include <type_traits>

#include <scoresde/observer/observer.hpp>
#include <scoresde/sampler/constraint.hpp>
#include <scoresde/sampler/final_step.hpp>
#include <scoresde/sampler/prior.hpp>
#include <scoresde/sampler/sampler.hpp>
#include <scoresde/sde/general_sde.hpp>
#include <scoresde/state/workspace.hpp>

namespace scoresde {

/// Throws Error for an empty state and for a workspace of another shape.
template <State X, std::size_t N>
void check_shapes(const char* sampler, const X& x, const Workspace<X, N>& work) {
  const Extents e = extents(x);
  require(e.samples > 0 && e.dim > 0, sampler, ": the state has ", e.samples,
          " samples of dimension ", e.dim, "; it must not be empty");
  require(work.shape() == e, sampler, ": the workspace was made for ", work.shape().samples,
          " samples of dimension ", work.shape().dim, " and the state has ", e.samples, " of ",
          e.dim);
}

/// Throws Error for a model whose score has no finite form at a time that the run evaluates, and
/// for one that cannot be evaluated at that time. Called before the run begins.
template <class M>
void check_score_form(const char* sampler, M& model, double t) {
  const ScoreForm form = model.score_form(t);
  require(std::isfinite(form.state) && std::isfinite(form.output), sampler,
          ": the model's score at t = ", t, " is ", form.state, "*x + ", form.output,
          "*F; both factors must be finite at every time of the grid");
}

/// Throws Error for a state that is not finite: ⟨x, x⟩ of every sample must be finite. `since` is
/// the interval from the time of the previous check to that of this one; `row` is overwritten. A
/// backend that captures a run defers the check to its replay.
template <State X>
void check_finite(const char* sampler, const X& x, TimeStep since, std::span<double> row) {
  if constexpr (requires { backend(x).defer_finite_check(sampler, x, since); })
    if (backend(x).defer_finite_check(sampler, x, since)) return;
  backend(x).inner(x, x, row);
  for (std::size_t k = 0; k < row.size(); ++k)
    if (!std::isfinite(row[k])) throw_not_finite(sampler, k, since);
}

/// One run of any sampler: notifies the observer, counts, and checks that x is finite after steps
/// 1, 2, 4, 8, … and the last, which takes log₂(steps) + 2 passes over x. With steps = 0 the number
/// of steps is not known, and the sampler checks x itself.
template <State X, class O>
class SamplerRun {
 public:
  /// Starts the run at `begin`. Every check overwrites `row`.
  SamplerRun(const char* sampler, std::size_t steps, double begin, X& x, std::span<double> row,
             O& observer)
      : sampler_(sampler), steps_(steps), checked_(begin), x_(x), row_(row), observer_(observer) {
    notify_start(observer_, {0, steps_, {begin, begin}, 0}, seen());
  }

  std::size_t nfe = 0;  ///< evaluations of the model so far

  [[nodiscard]] bool stopped() const { return stopped_; }
  [[nodiscard]] O& observer() { return observer_; }

  /// Must be called after every step that has moved the state to time.t_next; `now` is that state.
  void took(TimeStep time, const X& now) {
    ++taken_;
    if (steps_ != 0 && ((taken_ & (taken_ - 1)) == 0 || taken_ == steps_)) {
      check_finite(sampler_, now, {checked_, time.t_next}, row_);
      checked_ = time.t_next;
    }
    stopped_ = notify_step(observer_, {taken_ - 1, steps_, time, nfe}, now) == StepAction::stop;
  }

  SamplerStatistics finish() {
    notify_finish(observer_, seen());
    return {nfe, taken_, 0};
  }
  /// Performs the final evaluation unless the run was stopped.
  template <class M>
  void evaluate_last(const FinalEvaluation& last, M& model, X& output) {
    if (!last.wanted() || stopped_) return;
    last(model, x_, output);
    ++nfe;
    check_finite(sampler_, seen(), {last.t(), last.t()}, row_);
  }
  template <class M>
  SamplerStatistics finish(const FinalEvaluation& last, M& model, X& output) {
    evaluate_last(last, model, output);
    return finish();
  }

 private:
  [[nodiscard]] const X& seen() const { return x_; }

  const char* sampler_;
  std::size_t steps_;
  double checked_;
  X& x_;
  std::span<double> row_;
  O& observer_;
  std::size_t taken_ = 0;
  bool stopped_ = false;
};

/// The first and the last time of a sampler.
template <class Sampler>
[[nodiscard]] TimeStep span_of(const Sampler& sampler) {
  if constexpr (requires { sampler.grid(); })
    return {sampler.grid().front().t, sampler.grid().back().t_next};
  else
    return sampler.span();
}

/// Base class of the samplers; provides the member `sample`.
template <class Sampler>
class SampledFromPrior {
 public:
  /// Fills x with a draw from the prior, or from the marginal if the run begins below T, and
  /// integrates it to the data. Allocates a workspace. Throws Error for a run whose time increases,
  /// and as draw_prior and integrate do.
  template <class M, class X, class N, class O = NoObserver>
  SamplerStatistics sample(M&& model, X& x, const N& noise, O&& observer = O{}) const {
    return from_prior(model, x, noise, [&](const Sampler& sampler, auto& work) {
      return sampler.integrate(model, x, noise, work, observer);
    });
  }
  /// The same with a constraint, for samplers that apply one.
  template <class M, class X, class N, class O, class Q>
  SamplerStatistics sample(M&& model, X& x, const N& noise, O&& observer, Q&& constraint) const {
    static_assert(
        requires { Sampler::applies_constraints; },
        "sampler: this sampler applies no constraint; PredictorCorrector, SolverSampler and "
        "ClippedDdim do, and a condition that is a model, such as pigdm's, is sampled by every "
        "sampler");
    return from_prior(model, x, noise, [&](const Sampler& sampler, auto& work) {
      return sampler.integrate(model, x, noise, work, observer, constraint);
    });
  }

  /// Does not compile: reports the first argument that is not valid.
  template <class... A>
  requires(!is_sample_call<A...>) SamplerStatistics sample(A&&...)
  const {
    static_assert(sizeof...(A) >= 3 && sizeof...(A) <= 5,
                  "sampler: sample takes a model, a state, a noise source as Noise{.seed = 42} "
                  "and, optionally, an observer");
    static_assert(SampleArguments<A...>::checked);
    return {};
  }
  /// Does not compile: reports the first argument that is not valid. A sampler brings it into its
  /// scope by a using-declaration.
  template <class... A>
  requires(!is_integrate_call<Sampler, A...>) SamplerStatistics integrate(A&&...)
  const {
    static_assert(sizeof...(A) >= 4 && sizeof...(A) <= 6,
                  "sampler: integrate takes a model, a state, a noise source as Noise{.seed = 42}, "
                  "a workspace and, optionally, an observer");
    static_assert(IntegrateArguments<Sampler::buffers, A...>::checked);
    return {};
  }

 private:
  friend Sampler;
  SampledFromPrior() = default;

  /// Draws x and calls integrate(sampler, work).
  template <class M, class X, class N, class Integrate>
  SamplerStatistics from_prior(M&, X& x, const N& noise, const Integrate& integrate) const {
    static_assert(RunArguments<M, X, N>::checked);
    const Sampler& sampler = static_cast<const Sampler&>(*this);
    static_assert(HasPrior<std::remove_cvref_t<decltype(sampler.sde())>>,
                  "sampler: the SDE has no prior_std(), so the initial state cannot be drawn; fill "
                  "x and call integrate");
    const TimeStep span = span_of(sampler);
    require(span.t_next < span.t, Sampler::name, ": the run goes from t = ", span.t, " up to ",
            span.t_next, "; to sample, time must decrease");
    Workspace<X, Sampler::buffers> work(x);
    draw_prior(sampler.sde(), span.t, x, noise.draw(0));
    return integrate(sampler, work);
  }
};

}  // namespace scoresde
