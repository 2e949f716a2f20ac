// SPDX-License-Identifier: MIT
/// Multistep: the probability flow by a fast solver, as a table of linear forms.
///
///   for each stage:  F ← model(x, t),   x ← a·x + Σⱼ wⱼ·D₋ⱼ,   D = ε or x₀ = p·x + q·F
///
/// Solvers: solver/dpm_solver.hpp, solver/dpm_solver_single_step.hpp, solver/unipc.hpp, or a user's
/// own. D₀ is folded into the pass that moves x. A D that later stages need is kept: as the raw F
/// with its factor q where p = 0 (a noise network under noise prediction), so that a step is one
/// pass over memory; otherwise one pass more makes it.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <scoresde/sampler/observer.hpp>
#include <scoresde/sampler/sampler.hpp>
#include <scoresde/solver/solver.hpp>

namespace scoresde {

/// What the last step does.
enum class FinalStep {
  to_eps,   ///< ends at the grid's last time, its noise still in x
  to_zero,  ///< goes from the last step's beginning to the predicted data instead
  denoise   ///< to_eps, then the predicted data of one more evaluation
};

struct MultistepOptions {
  FinalStep final_step = FinalStep::to_eps;
};

/// True when solver and SDE fit together.
template <class S, class R>
inline constexpr bool multistep_fits = false;
template <Sde S, class R>
inline constexpr bool multistep_fits<S, R> = Solver<R, S>;

namespace detail {

/// ε = −σ·s or x₀ = (x + σ²·s)/α as a form in (x, F); p is exactly 0 where only rounding is left.
[[nodiscard]] inline ScoreForm prediction_form(Prediction prediction, MarginalProb p,
                                               ScoreForm score) {
  if (prediction == Prediction::noise) return {-p.std * score.state, -p.std * score.output};
  const double variance = p.std * p.std;
  double state = 1 + variance * score.state;
  if (std::abs(state) < 4 * std::numeric_limits<double>::epsilon()) state = 0;
  return {state / p.mean, variance * score.output / p.mean};
}

/// The stage that turns x at time.t into the data predicted there.
template <Sde S>
[[nodiscard]] SolverStage data_stage(const S& sde, Prediction prediction, double t) {
  const MarginalProb p = sde.marginal_prob(t);
  if (prediction == Prediction::data) return {{t, 0}, 0, {1}};
  return {{t, 0}, 1 / p.mean, {-p.std / p.mean}};
}

}  // namespace detail

/// A const, stateless value: the state's type, the model and the noise meet it in the call.
///
/// Observers see x after every evaluation: with UniPC before its correction, with single-step
/// solvers at inner nodes too. Non-finite states are refused after steps 1, 2, 4, 8, … and the
/// last.
template <class S, class R>
class Multistep {
  static_assert(Sde<S>,
                "Multistep: the first argument is no SDE; it needs drift(t), diffusion(t), "
                "marginal_prob(t) returning MarginalProb, prior_std(), t_min() and t_max()");
  static_assert(!Sde<S> || Solver<R, S>,
                "Multistep: the second argument is no solver for this SDE; it needs order, history,"
                " prediction and stages(sde, grid) returning std::vector<SolverStage>");

 public:
  /// States a workspace must hold beside x: one per prediction in a form.
  static constexpr std::size_t buffers = R::history;
  static_assert(buffers >= 1 && buffers <= max_predictions,
                "Multistep: the solver's history must be 1 to 5 predictions");

  /// Throws Error unless the steps follow one another within [0, T] and the log-SNR is finite at
  /// all their times: noise-free data (λ = ∞) are reached by FinalStep::to_zero or denoise alone.
  Multistep(S sde, R solver, TimeGrid grid, MultistepOptions options = {})
      : sde_(std::move(sde)), solver_(std::move(solver)), grid_(std::move(grid)) {
    check_grid();
    stages_ = solver_.stages(sde_, grid_);
    detail::require(stages_.size() == grid_.size(), "multistep: the solver made ", stages_.size(),
                    " stages of a grid of ", grid_.size(), " steps; it must make one for each");
    if (options.final_step != FinalStep::to_eps)
      detail::require(grid_.generates(), "multistep: the grid goes from ", grid_.front().t,
                      " up to ", grid_.back().t_next, "; only a run to the data can be denoised");
    if (options.final_step == FinalStep::to_zero)
      stages_.back() = detail::data_stage(sde_, solver_.prediction, grid_.back().t);
    if (options.final_step == FinalStep::denoise)
      stages_.push_back(detail::data_stage(sde_, solver_.prediction, grid_.back().t_next));
    for (std::size_t i = 0; i < stages_.size(); ++i) kept_.push_back(is_used_after(i));
  }

  /// Evaluations of the model in one run.
  [[nodiscard]] std::size_t nfe() const { return stages_.size(); }

  [[nodiscard]] const S& sde() const { return sde_; }
  [[nodiscard]] const TimeGrid& grid() const { return grid_; }
  /// The run, before it is run.
  [[nodiscard]] const std::vector<SolverStage>& stages() const { return stages_; }

  /// Fills x with draw 0 scaled by prior_std and carries it to the data. Makes a workspace. Throws
  /// Error for a grid that increases.
  template <class M, State X, class N, class O = NoObserver>
  SamplerStatistics sample(M&& model, X& x, const N& noise, O&& observer = O{}) const {
    detail::require(grid_.generates(), "multistep: the grid goes from ", grid_.front().t, " up to ",
                    grid_.back().t_next, "; to sample, time must decrease");
    Workspace<X, buffers> work(x);
    draw_prior(x, sde_.prior_std(), noise.draw(0));
    return integrate(model, x, noise, work, observer);
  }

  /// Carries the x given along the grid; draws no noise and allocates nothing. Throws Error for
  /// mismatched shapes and states that are not finite.
  template <class M, State X, class N, class O = NoObserver>
  SamplerStatistics integrate(M&& model, X& x, const N&, Workspace<X, buffers>& work,
                              O&& observer = O{}) const {
    static_assert(ScoreModel<std::remove_reference_t<M>, X>,
                  "Multistep: the model is no score model for this state; it needs "
                  "evaluate(x, t, output) and score_form(t) returning ScoreForm");
    detail::check_shapes("multistep", x, work);
    std::array<double, buffers> factors{};
    const std::size_t count = stages_.size();
    detail::notify_start(observer, {0, count, {grid_.front().t, grid_.front().t}, 0}, x);
    for (std::size_t i = 0; i < count; ++i) {
      take(model, x, i, work, factors);
      const std::size_t taken = i + 1;
      if ((taken & (taken - 1)) == 0 || taken == count)
        detail::check_finite("multistep", x, stages_[i].time, work.row(0));
      detail::notify_step(observer, {i, count, stages_[i].time, taken}, x);
    }
    detail::notify_finish(observer, static_cast<const X&>(x));
    return {count, count, 0};
  }

 private:
  void check_grid() const {
    for (std::size_t i = 0; i < grid_.size(); ++i) {
      const TimeStep step = grid_[i];
      detail::require(i == 0 || step.t == grid_[i - 1].t_next, "multistep: step ", i,
                      " of the grid starts at ", step.t, " where the one before it ended at ",
                      grid_[i > 0 ? i - 1 : 0].t_next, "; steps must follow one another");
      for (const double t : {step.t, step.t_next}) {
        detail::require(t >= 0 && t <= sde_.t_max(), "multistep: the grid reaches t = ", t,
                        "; it must lie in [0, T] with T = ", sde_.t_max());
        detail::require(std::isfinite(log_snr(sde_, t)), "multistep: the log-SNR at t = ", t,
                        " is infinite; end the grid before it and denoise there");
      }
    }
  }

  [[nodiscard]] bool is_used_after(std::size_t i) const {
    for (std::size_t j = 1; j < buffers && i + j < stages_.size(); ++j)
      if (stages_[i + j].weights[j] != 0) return true;
    return false;
  }

  /// Prediction i lies in work[i mod buffers] and is factors[i mod buffers] times what lies there.
  template <class M, class X>
  void take(M& model, X& x, std::size_t i, Workspace<X, buffers>& work,
            std::array<double, buffers>& factors) const {
    const SolverStage& stage = stages_[i];
    X& output = work[i % buffers];
    model.evaluate(x, stage.time.t, output);
    ScoreForm form = detail::prediction_form(solver_.prediction, sde_.marginal_prob(stage.time.t),
                                             model.score_form(stage.time.t));
    if (kept_[i] && form.state != 0) {
      const std::array<Term<X>, 2> made{Term<X>{form.state, &x}, {form.output, &output}};
      backend(x).assign(output, std::span<const Term<X>>(made), NoiseTerm{});
      form = {0, 1};
    }
    factors[i % buffers] = form.output;
    std::array<Term<X>, buffers + 1> terms;
    terms[0] = {stage.state + stage.weights[0] * form.state, &x};
    std::size_t used = 1;
    for (std::size_t j = 0; j < buffers && j <= i; ++j) {
      const std::size_t slot = (i - j) % buffers;
      terms[used++] = {stage.weights[j] * factors[slot], &work[slot]};
    }
    backend(x).assign(x, std::span<const Term<X>>(terms.data(), used), NoiseTerm{});
  }

  S sde_;
  R solver_;
  TimeGrid grid_;
  std::vector<SolverStage> stages_;
  std::vector<bool> kept_;
};

}  // namespace scoresde
