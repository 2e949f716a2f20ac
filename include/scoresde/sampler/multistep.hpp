// SPDX-License-Identifier: MIT
/// Multistep: the probability flow by a fast solver, as a table of linear forms.
///
///   for each stage:  F ← model(x, t),   x ← a·x + Σⱼ wⱼ·D₋ⱼ,   D = ε or x₀ = p·x + q·F
///
/// Solvers: solver/dpm_solver.hpp, solver/dpm_solver_single_step.hpp, solver/unipc.hpp, or a user's
/// own. D₀ is folded into the pass that moves x. A D that later stages need is kept: as the raw F
/// with its factor q where p = 0 (a noise network under noise prediction), so that a step is one
/// pass over memory; otherwise one pass more makes it. Stochastic solvers add c·z in the same pass.
#pragma once

#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <scoresde/sampler/final_step.hpp>
#include <scoresde/sampler/observer.hpp>
#include <scoresde/sampler/sampler.hpp>
#include <scoresde/sde/general_sde.hpp>
#include <scoresde/solver/solver.hpp>

namespace scoresde {

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

}  // namespace detail

/// A const, stateless value: the state's type, the model and the noise meet it in the call.
///
/// Observers see x after every stage: with UniPC before its correction, with single-step solvers at
/// inner nodes too. Non-finite states are refused after stages 1, 2, 4, 8, … and the last.
template <class S, class R, class F = ToEps>
class Multistep {
  static_assert(Sde<S> || !GeneralSde<S>,
                "Multistep: this SDE is a general one, without the closed-form marginal of "
                "marginal_prob(t); take GeneralProbabilityFlow or ReverseSimulation");
  static_assert(GeneralSde<S> || detail::SdeArgument<S>::checked);
  static_assert(!Sde<S> || Solver<R, S>,
                "Multistep: the second argument is no solver for this SDE; it needs order, history,"
                " prediction and stages(sde, grid) returning std::vector<SolverStage>");
  static_assert(FinalStep<F>,
                "Multistep: the last argument is no final step; it is ToEps, ToZero or Denoise");

 public:
  /// States a workspace must hold beside x: one per prediction kept at a time.
  static constexpr std::size_t buffers = R::history;
  static_assert(buffers >= 1 && buffers < max_terms,
                "Multistep: the solver's history must be 1 to 7 predictions");

  /// Throws Error unless the steps follow one another within [0, T], the log-SNR is finite at all
  /// their times (noise-free data are reached by ToZero or Denoise alone; the grid of ToZero may
  /// end at them), the solver accepts its own parameters and makes finite coefficients.
  Multistep(S sde, R solver, TimeGrid grid, F = {})
      : sde_(std::move(sde)), solver_(std::move(solver)), grid_(std::move(grid)) {
    if constexpr (requires { solver_.validate(); }) solver_.validate();
    check_grid();
    stages_ = make_stages();
    for (std::size_t i = 0; i < stages_.size(); ++i) {
      check_stage(i);
      evaluations_ += stages_[i].evaluates ? 1 : 0;
    }
    if constexpr (CountedSolver<R>)
      detail::require(evaluations_ == nfe(grid_.size()), "multistep: the solver made ",
                      evaluations_, " evaluations of a grid of ", grid_.size(),
                      " steps; it promised ", nfe(grid_.size()));
    assign_slots();
  }

  /// Evaluations of the model in a run over a grid of `steps` steps.
  [[nodiscard]] static constexpr std::size_t nfe(std::size_t steps) requires CountedSolver<R> {
    return F::template nfe<R>(steps);
  }
  /// Evaluations of the model in one run.
  [[nodiscard]] std::size_t nfe() const { return evaluations_; }

  [[nodiscard]] const S& sde() const { return sde_; }
  [[nodiscard]] const TimeGrid& grid() const { return grid_; }
  /// The run, before it is run.
  [[nodiscard]] const std::vector<SolverStage>& stages() const { return stages_; }

  /// Fills x with a draw from the prior, or from the marginal where the grid begins below T, and
  /// carries it to the data. Makes a workspace. Throws Error for a grid that increases, and as
  /// draw_prior and integrate do.
  template <class M, class X, class N, class O = NoObserver>
  SamplerStatistics sample(M&& model, X& x, const N& noise, O&& observer = O{}) const {
    static_assert(detail::RunArguments<std::remove_reference_t<M>, X, N>::checked);
    detail::require(grid_.generates(), "multistep: the grid goes from ", grid_.front().t, " up to ",
                    grid_.back().t_next, "; to sample, time must decrease");
    Workspace<X, buffers> work(x);
    draw_prior(sde_, grid_.front().t, x, noise.draw(0));
    return integrate(model, x, noise, work, observer);
  }

  /// Carries the x given along the grid and allocates nothing; deterministic solvers draw no noise.
  /// Throws Error for mismatched shapes, times that the model does not take, and states that are
  /// not finite.
  template <class M, class X, class N, class O = NoObserver>
  SamplerStatistics integrate(M&& model, X& x, const N& noise, Workspace<X, buffers>& work,
                              O&& observer = O{}) const {
    static_assert(detail::ModelArgument<std::remove_reference_t<M>, X>::checked);
    detail::check_shapes("multistep", x, work);
    for (const SolverStage& stage : stages_)
      if (stage.evaluates) detail::check_score_form("multistep", model, stage.time.t);
    std::array<double, buffers> factors{};
    const std::size_t count = stages_.size();
    std::size_t evaluations = 0;
    detail::notify_start(observer, {0, count, {grid_.front().t, grid_.front().t}, 0}, x);
    detail::FiniteLooks look{"multistep", count, grid_.front().t};
    std::size_t taken = 0;
    while (taken < count) {
      const std::size_t i = taken++;
      ScoreForm present{};
      if (stages_[i].evaluates) {
        present = predict(model, x, i, work, factors);
        ++evaluations;
      }
      move(x, i, present.state, noise, work, factors);
      look(x, taken, stages_[i].time.t_next, work.row(0));
      if (detail::notify_step(observer, {i, count, stages_[i].time, evaluations}, x) ==
          StepAction::stop)
        break;
    }
    detail::notify_finish(observer, static_cast<const X&>(x));
    return {evaluations, taken, 0};
  }

 private:
  /// Where a stage finds its predictions: slot[j] holds D₋ⱼ.
  struct Slots {
    std::array<std::size_t, max_predictions> slot{};
    bool keeps = false;  ///< D₀ is used after this stage
  };

  void check_grid() const {
    for (std::size_t i = 0; i < grid_.size(); ++i) {
      const TimeStep step = grid_[i];
      detail::require(i == 0 || step.t == grid_[i - 1].t_next, "multistep: step ", i,
                      " of the grid starts at ", step.t, " where the one before it ended at ",
                      grid_[i > 0 ? i - 1 : 0].t_next, "; steps must follow one another");
      for (const double t : {step.t, step.t_next}) {
        detail::require(t >= 0 && t <= sde_.t_max(), "multistep: the grid reaches t = ", t,
                        "; it must lie in [0, T] with T = ", sde_.t_max());
        // The last step's end is not used by a step to the data.
        if (std::same_as<F, ToZero> && i + 1 == grid_.size() && t == step.t_next) continue;
        detail::require(std::isfinite(log_snr(sde_, t)), "multistep: the log-SNR at t = ", t,
                        " is infinite; end the grid before it and denoise there");
      }
    }
  }

  void check_stage(std::size_t i) const {
    const SolverStage& stage = stages_[i];
    double sum = std::abs(stage.state) + std::abs(stage.noise.coefficient);
    for (const double weight : stage.weights) sum += std::abs(weight);
    detail::require(std::isfinite(sum), "multistep: the coefficients of stage ", i,
                    ", from t = ", stage.time.t, " to ", stage.time.t_next,
                    ", are not finite; they must be, so the solver cannot take this grid");
  }

  [[nodiscard]] std::vector<SolverStage> make_stages() const {
    if constexpr (!std::same_as<F, ToEps>)
      detail::require(grid_.generates(), "multistep: the grid goes from ", grid_.front().t,
                      " up to ", grid_.back().t_next, "; only a run to the data can be denoised");
    if constexpr (std::same_as<F, ToZero>) return stages_to_data(solver_, sde_, grid_);
    std::vector<SolverStage> stages = solver_.stages(sde_, grid_);
    if constexpr (std::same_as<F, Denoise>)
      stages.push_back(data_stage(sde_, solver_.prediction, grid_.back().t_next));
    return stages;
  }

  /// Gives every prediction a buffer from its evaluation to the last stage that uses it.
  void assign_slots() {
    std::vector<std::size_t> stage_of, last_use;
    for (std::size_t i = 0; i < stages_.size(); ++i) {
      if (stages_[i].evaluates) stage_of.push_back(i), last_use.push_back(i);
      for (std::size_t j = 0; j < max_predictions && j < stage_of.size(); ++j)
        if (stages_[i].weights[j] != 0) last_use[stage_of.size() - 1 - j] = i;
    }
    std::vector<std::size_t> slot_of;
    for (std::size_t i = 0; i < stages_.size(); ++i) {
      if (stages_[i].evaluates) {
        std::array<bool, buffers> taken{};
        for (std::size_t e = 0; e < slot_of.size(); ++e)
          if (last_use[e] >= i) taken[slot_of[e]] = true;
        std::size_t free = 0;
        while (free < buffers && taken[free]) ++free;
        detail::require(free < buffers, "multistep: stage ", i, " of the solver keeps more than ",
                        buffers, " predictions, its history");
        slot_of.push_back(free);
      }
      Slots slots;
      for (std::size_t j = 0; j < max_predictions && j < slot_of.size(); ++j)
        slots.slot[j] = slot_of[slot_of.size() - 1 - j];
      slots.keeps = stages_[i].evaluates && last_use[slot_of.size() - 1] > i;
      slots_.push_back(slots);
    }
  }

  /// Evaluates D₀ into its slot, where it is factors[slot] times what lies there, plus the returned
  /// form's state times x.
  template <class M, class X>
  ScoreForm predict(M& model, const X& x, std::size_t i, Workspace<X, buffers>& work,
                    std::array<double, buffers>& factors) const {
    const double t = stages_[i].time.t;
    X& output = work[slots_[i].slot[0]];
    model.evaluate(x, t, output);
    ScoreForm form =
        detail::prediction_form(solver_.prediction, sde_.marginal_prob(t), model.score_form(t));
    if (slots_[i].keeps && form.state != 0) {
      const std::array<Term<X>, 2> made{Term<X>{form.state, &x}, {form.output, &output}};
      backend(x).assign(output, std::span<const Term<X>>(made), NoiseTerm{});
      form = {0, 1};
    }
    factors[slots_[i].slot[0]] = form.output;
    return form;
  }

  /// x ← state·x + Σⱼ weights[j]·D₋ⱼ + c·z, where D₀ has `present`·x in it.
  template <class X, class N>
  void move(X& x, std::size_t i, double present, const N& noise, Workspace<X, buffers>& work,
            const std::array<double, buffers>& factors) const {
    const SolverStage& stage = stages_[i];
    std::array<Term<X>, max_terms> terms;
    terms[0] = {stage.state + stage.weights[0] * present, &x};
    std::size_t used = 1;
    for (std::size_t j = 0; j < max_predictions; ++j) {
      if (stage.weights[j] == 0) continue;
      const std::size_t slot = slots_[i].slot[j];
      terms[used++] = {stage.weights[j] * factors[slot], &work[slot]};
    }
    if (stage.noise.coefficient == 0)
      backend(x).assign(x, std::span<const Term<X>>(terms.data(), used), NoiseTerm{});
    else
      with_noise<X>(stage.noise, noise,
                    [&](const auto& z) { add(x, terms, used, stage.noise.coefficient, z); });
  }

  /// use(z). Noise added up the path (churn) is no increment of the path down it: it goes by
  /// number.
  template <class X, class N, class Use>
  static void with_noise(const StageNoise& wanted, const N& noise, const Use& use) {
    if (wanted.time.t_next > wanted.time.t)
      use(noise.draw(wanted.draw));
    else
      detail::with_step_noise<X>(noise, wanted.draw, wanted.time, wanted.coefficient, use);
  }

  template <class X>
  static void add(X& x, std::array<Term<X>, max_terms>& terms, std::size_t used, double c,
                  NoiseDraw z) {
    backend(x).assign(x, std::span<const Term<X>>(terms.data(), used), NoiseTerm{c, z});
  }
  template <class X>
  static void add(X& x, std::array<Term<X>, max_terms>& terms, std::size_t used, double c,
                  const X& z) {
    detail::require(used < max_terms, "multistep: ", used, " terms beside recorded noise; at most ",
                    max_terms - 1, " are allowed");
    terms[used] = {c, &z};
    backend(x).assign(x, std::span<const Term<X>>(terms.data(), used + 1), NoiseTerm{});
  }

  S sde_;
  R solver_;
  TimeGrid grid_;
  std::vector<SolverStage> stages_;
  std::vector<Slots> slots_;
  std::size_t evaluations_ = 0;
};

}  // namespace scoresde
