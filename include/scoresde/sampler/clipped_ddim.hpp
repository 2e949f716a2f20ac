// SPDX-License-Identifier: MIT
/// DDIM(η) with the predicted data clipped and the predicted noise unchanged.
///
///   x ← mean_s clip(x̂₀, low, high) + √(std_s² − c²) ε̂ + c z
///
/// from t to s, with x̂₀, ε̂ and c of predictor/ddim.hpp. This is the default of diffusers'
/// DDIMScheduler (clip_sample = true, use_clipped_model_output = false). A clipped x̂₀ and an
/// unclipped ε̂ do not correspond to one score, so a wrapper of the model cannot express this step.
/// DDIM over a ClippedDenoiser (score/thresholding.hpp) clips both, as use_clipped_model_output.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include <scoresde/not_deduced.hpp>
#include <scoresde/observer/observer.hpp>
#include <scoresde/predictor/ddim.hpp>
#include <scoresde/sampler/constraint.hpp>
#include <scoresde/sampler/final_step.hpp>
#include <scoresde/sampler/run.hpp>
#include <scoresde/sampler/sampler.hpp>
#include <scoresde/score/thresholding.hpp>
#include <scoresde/sde/general_sde.hpp>
#include <scoresde/state/elementwise.hpp>

namespace scoresde {

struct ClippedDdimOptions {
  DataRange range{};
  /// keep_noise or drop_last_noise.
  FinalStep final_step = FinalStep::drop_last_noise;
};

namespace detail {

/// One element of the step above: x̂₀ = data·(x, F) and direction = √(std_s² − c²) ε̂, both as
/// forms in (x, F).
struct ClippedDdimElement {
  ScoreForm data, direction;
  double mean = 1, noise = 0;
  DataRange range;

  template <class T>
  T operator()(ElementIndex, T x, T f, T z) const {
    return moved(x, f) + static_cast<T>(noise) * z;
  }
  template <class T>
  T operator()(ElementIndex, T x, T f) const {
    return moved(x, f);
  }

 private:
  template <class T>
  T moved(T x, T f) const {
    const auto form = [&](const ScoreForm& c) {
      return static_cast<T>(c.state) * x + static_cast<T>(c.output) * f;
    };
    const auto low = static_cast<T>(range.low), high = static_cast<T>(range.high);
    return static_cast<T>(mean) * std::clamp(form(data), low, high) + form(direction);
  }
};

/// The coefficients of a step of the grid: marginal_prob at its beginning, and the terms of the
/// formula above that do not depend on the model.
struct ClippedDdimStep {
  TimeStep time{};
  MarginalProb marginal{};
  double mean = 1;   ///< mean_s
  double kept = 0;   ///< −std_t √(std_s² − c²)
  double noise = 0;  ///< c

  [[nodiscard]] ClippedDdimElement element(ScoreForm score, DataRange range) const {
    return {tweedie_form(marginal, score),
            {kept * score.state, kept * score.output},
            mean,
            noise,
            range};
  }
};

}  // namespace detail

/// A const, stateless value for every state whose backend is elementwise. Draw 0 is the prior; draw
/// i + 1 is the noise of step i, and a constraint's draws follow these.
template <class S>
class ClippedDdim : public SampledFromPrior<ClippedDdim<S>> {
  static_assert(deduced<S>,
                "ClippedDdim: an argument is missing or not in its place; it takes (sde, ddim, "
                "grid, options), such as ClippedDdim{sde, Ddim{}, uniform_grid(sde, 100)}");
  static_assert(Sde<S> || !GeneralSde<S>,
                "ClippedDdim: this SDE is a general one, without the closed-form marginal of "
                "marginal_prob(t); use ReverseSimulation");
  static_assert(GeneralSde<S> || SdeArgument<S>::checked);

 public:
  static constexpr const char* name = "clipped DDIM";
  /// States a workspace holds in addition to x.
  static constexpr std::size_t buffers = 1;
  static constexpr bool applies_constraints = true;

  /// Throws Error unless the grid decreases within [0, t_max], η lies in [0, 1], low < high, the
  /// coefficients of every step are finite, and the final step is keep_noise or drop_last_noise.
  ClippedDdim(S sde, Ddim method, TimeGrid grid, ClippedDdimOptions options = {})
      : sde_(std::move(sde)), grid_(std::move(grid)), range_(options.range) {
    const TimeStep span{grid_.front().t, grid_.back().t_next};
    method.validate();
    require(range_.low < range_.high, name, ": the range goes from ", range_.low, " to ",
            range_.high, "; low must be below high");
    require(grid_.generates(), name, ": the grid goes from ", span.t, " up to ", span.t_next,
            "; time must decrease towards the data");
    require(span.t <= sde_.t_max() && span.t_next >= 0, name, ": the grid goes from ", span.t,
            " to ", span.t_next, "; it must lie in [0, T] with T = ", sde_.t_max());
    require_final_step(name, options.final_step,
                       {FinalStep::keep_noise, FinalStep::drop_last_noise}, span);
    for (const TimeStep time : grid_) prepare(method, time);
    if (options.final_step == FinalStep::drop_last_noise) steps_.back().noise = 0;
  }

  /// Evaluations of the model in one run.
  [[nodiscard]] std::size_t nfe() const { return grid_.size(); }
  [[nodiscard]] const S& sde() const { return sde_; }
  [[nodiscard]] const TimeGrid& grid() const { return grid_; }

  using SampledFromPrior<ClippedDdim<S>>::integrate;
  /// Integrates the given x over the grid without allocating; a constraint that needs the state
  /// before an update takes one copy of it, before the first step. Throws Error for mismatched
  /// shapes, states that are not finite, and as the constraint does.
  template <class M, class X, class N, class O = NoObserver, class Q = NoConstraint>
  SamplerStatistics integrate(M&& model, X& x, const N& noise, Workspace<X, buffers>& work,
                              O&& observer = O{}, Q&& constraint = Q{}) const {
    using Model = std::remove_reference_t<M>;
    using Condition = std::remove_reference_t<Q>;
    static_assert(RunArguments<Model, X, N>::checked);
    static_assert(detail::ConstraintArgument<Condition, Model, X, N>::checked);
    static_assert(
        ElementwiseState<X>,
        "ClippedDdim: the state's backend cannot apply a function element by element; it needs "
        "transform(out, f, inputs...) (scoresde/state/elementwise.hpp)");
    check_shapes(name, x, work);
    for (const TimeStep time : grid_) check_score_form(name, model, time.t);
    SamplerRun<X, std::remove_reference_t<O>> run(name, steps_.size(), grid_.front().t, x,
                                                  work.row(0), observer);
    detail::ConstrainedRun<Condition, Model, X, N> constrained(constraint, model, x, noise);
    std::uint64_t draw = steps_.size() + 1;
    constrained.start(grid_.front().t);
    for (std::size_t i = 0; i < steps_.size() && !run.stopped(); ++i) {
      const TimeStep time = steps_[i].time;
      constrained.updates();
      model.evaluate(x, time.t, work[0]);
      ++run.nfe;
      take(x, work[0], steps_[i].element(model.score_form(time.t), range_), i, noise);
      constrained.updated(time, draw);
      run.took(time, x);
    }
    if (!run.stopped()) constrained.finish();
    return run.finish();
  }

 private:
  void prepare(const Ddim& method, TimeStep time) {
    const auto [state, score, added] = method.coefficients(sde_, time);
    require(std::isfinite(state) && std::isfinite(score) && std::isfinite(added), name,
            ": the coefficients of the step from t = ", time.t, " to ", time.t_next, " are ", state,
            ", ", score, " and ", added, "; they must be finite");
    const auto [mean, variance, std, std_next] = transition(sde_, time);
    const double c = method.eta * std::sqrt(variance) * std_next / std;
    const MarginalProb marginal = sde_.marginal_prob(time.t);
    steps_.push_back({time, marginal, marginal.mean / mean,
                      -std * std::sqrt((std_next - c) * (std_next + c)), c});
  }

  template <class X, class N>
  void take(X& x, const X& output, const detail::ClippedDdimElement& element, std::size_t i,
            const N& noise) const {
    if (element.noise == 0) return backend(x).transform(x, element, std::as_const(x), output);
    with_step_noise<X>(noise, i + 1, grid_[i], element.noise, [&](const auto& z) {
      backend(x).transform(x, element, std::as_const(x), output, z);
    });
  }

  S sde_;
  TimeGrid grid_;
  DataRange range_;
  std::vector<detail::ClippedDdimStep> steps_;
};

/// Reports arguments that no constructor takes.
ClippedDdim(...)->ClippedDdim<NotDeduced>;

}  // namespace scoresde
