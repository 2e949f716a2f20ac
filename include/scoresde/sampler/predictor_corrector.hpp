// SPDX-License-Identifier: MIT
/// PredictorCorrector: the sampler of Song et al., composed of an SDE, a predictor and a corrector.
///
///   for each step (t → t_next):
///     x ← corrector at t, `steps` times
///     x ← predictor from t to t_next
///
/// Song et al. 2021 (arXiv:2011.13456), algorithm 1. The default order is that of the published
/// code (corrector before predictor); StepOrder::predictor_first is that of the printed
/// algorithm.
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include <scoresde/corrector/no_corrector.hpp>
#include <scoresde/not_deduced.hpp>
#include <scoresde/observer/observer.hpp>
#include <scoresde/sampler/constraint.hpp>
#include <scoresde/sampler/correct.hpp>
#include <scoresde/sampler/final_step.hpp>
#include <scoresde/sampler/run.hpp>
#include <scoresde/sampler/sampler.hpp>
#include <scoresde/sde/general_sde.hpp>
#include <scoresde/time/time_grid.hpp>

namespace scoresde {

/// corrector_first corrects at t before each step; predictor_first corrects at t_next after it.
enum class StepOrder { corrector_first, predictor_first };

struct PredictorCorrectorOptions {
  StepOrder order = StepOrder::corrector_first;
  /// Any except to_data. With drop_last_noise nothing follows the last predictor step; without a
  /// predictor, the state is the result.
  FinalStep final_step = FinalStep::drop_last_noise;
};

/// True if predictor and corrector are valid for the SDE.
template <class S, class P, class C = NoCorrector>
inline constexpr bool predictor_corrector_fits = false;
template <Sde S, class P, class C>
inline constexpr bool predictor_corrector_fits<S, P, C> = Predictor<P, S>&& Corrector<C, S>;

namespace detail {

/// The coefficients of a step of the grid.
struct PredictorCorrectorStep {
  TimeStep time{};
  StepCoefficients predictor{};
  std::size_t corrections = 0;  ///< corrector steps
  double corrected_at = 0;      ///< time of the corrector steps
};

/// The coefficients of a run, independent of the types of SDE, predictor and corrector.
template <bool NeedsNorms, class Rule>
struct PredictorCorrectorTable {
  std::vector<PredictorCorrectorStep> steps;
  std::vector<CorrectorStep<NeedsNorms, Rule>> correctors;  ///< one per step that corrects
  bool predicts = true;
  bool corrector_first = true;
  FinalEvaluation last{};

  [[nodiscard]] std::size_t nfe() const {
    std::size_t sum = last.wanted() ? 1 : 0;
    for (const PredictorCorrectorStep& step : steps) sum += (predicts ? 1 : 0) + step.corrections;
    return sum;
  }

  /// Throws Error for a model that cannot be evaluated at one of the run's times.
  template <class M>
  void check_times(const char* sampler, M& model) const {
    for (const PredictorCorrectorStep& step : steps) {
      if (step.corrections > 0) check_score_form(sampler, model, step.corrected_at);
      if (predicts) check_score_form(sampler, model, step.time.t);
    }
    if (last.wanted()) check_score_form(sampler, model, last.t());
  }
};

/// Executes the steps of a table; draw 0 is the prior.
template <class Table, class M, class X, std::size_t B, class N, class O, class Q>
struct PredictorCorrectorStepper {
  const Table& table;
  M& model;
  X& x;
  const N& noise;
  Workspace<X, B>& work;
  SamplerRun<X, O>& run;
  ConstrainedRun<Q, M, X, N>& constrained;
  std::uint64_t draw = 1;

  void step(std::size_t i) {
    const PredictorCorrectorStep& step = table.steps[i];
    if (table.corrector_first) correct(i);
    if (table.predicts) predict(step.time, step.predictor);
    if (!table.corrector_first) correct(i);
  }

  void correct(std::size_t i) {
    const std::size_t corrections = table.steps[i].corrections;
    if (corrections == 0) return;
    const double t = table.steps[i].corrected_at;
    constrained.updates();
    for (std::size_t j = 0; j < corrections; ++j, ++run.nfe)
      table.correctors[i](x, output(t), model.score_form(t), noise.draw(draw++), work,
                          run.observer());
    constrained.updated({t, t}, draw);
  }

  void predict(TimeStep time, const StepCoefficients& step) {
    constrained.updates();
    const X& predicted = output(time.t);
    with_step_noise<X>(noise, draw++, time, step.noise, [&](const auto& z) {
      update(x, predicted, model.score_form(time.t), step, z);
    });
    ++run.nfe;
    constrained.updated(time, draw);
  }

  const X& output(double t) {
    model.evaluate(x, t, work[0]);
    return work[0];
  }
};

}  // namespace detail

/// A const, stateless value: state, model and noise are arguments of the call.
///
/// The constructor computes the coefficients of all steps. States that are not finite are rejected:
/// x is checked after steps 1, 2, 4, 8, … and the last, which takes log₂(steps) + 2 passes over x.
template <class S, class P, class C = NoCorrector>
class PredictorCorrector : public SampledFromPrior<PredictorCorrector<S, P, C>> {
  static_assert(deduced<S>,
                "PredictorCorrector: an argument is missing or not in its place; it takes (sde, "
                "predictor, grid, options) or (sde, predictor, corrector, grid, options), such as "
                "PredictorCorrector{sde, ReverseDiffusion{}, uniform_grid(sde, 1000)}");
  static_assert(Sde<S> || !GeneralSde<S>,
                "PredictorCorrector: this SDE is a general one, without the closed-form marginal of"
                " marginal_prob(t); use ReverseSimulation, or Simulation forward in time");
  static_assert(!deduced<S> || GeneralSde<S> || SdeArgument<S>::checked);
  static_assert(!Sde<S> || Predictor<P, S>,
                "PredictorCorrector: the second argument is not a predictor for this SDE; it needs"
                " coefficients(sde, TimeStep) returning StepCoefficients");
  static_assert(!Sde<S> || Corrector<C, S>,
                "PredictorCorrector: the third argument is not a corrector for this SDE; it needs"
                " steps, needs_norms and rule(sde, t), a functor from Norms to StepCoefficients");

 public:
  static constexpr const char* name = "predictor-corrector";
  /// States a workspace holds in addition to x.
  static constexpr std::size_t buffers = corrector_buffers<C>;
  static constexpr bool applies_constraints = true;

  /// Throws Error unless the grid decreases within [0, t_max], predictor and corrector accept their
  /// parameters (`validate`), the predictor has finite coefficients for every step of the grid, the
  /// corrector has a rule for every time at which it corrects, and the final step is one of those
  /// above.
  PredictorCorrector(S sde, P predictor, C corrector, TimeGrid grid,
                     PredictorCorrectorOptions options = {})
      : sde_(std::move(sde)),
        predictor_(std::move(predictor)),
        corrector_(std::move(corrector)),
        grid_(std::move(grid)),
        options_(options) {
    if constexpr (requires { predictor_.validate(); }) predictor_.validate();
    if constexpr (requires { corrector_.validate(); }) corrector_.validate();
    validate();
    table_.predicts = predicts;
    table_.corrector_first = options_.order == StepOrder::corrector_first;
    for (std::size_t i = 0; i < grid_.size(); ++i) prepare(i);
    table_.last = FinalEvaluation(name, sde_, options_.final_step, grid_.back().t_next);
  }

  /// The predictor alone.
  PredictorCorrector(S sde, P predictor, TimeGrid grid,
                     PredictorCorrectorOptions options = {}) requires std::same_as<C, NoCorrector>
      : PredictorCorrector(std::move(sde), std::move(predictor), NoCorrector{}, std::move(grid),
                           options) {}

  /// Evaluations of the model in one run.
  [[nodiscard]] std::size_t nfe() const { return table_.nfe(); }

  [[nodiscard]] const S& sde() const { return sde_; }
  [[nodiscard]] const TimeGrid& grid() const { return grid_; }

  using SampledFromPrior<PredictorCorrector<S, P, C>>::integrate;
  /// Integrates the given x over the grid without allocating; a constraint that needs the state
  /// before an update takes one copy of it, before the first step. Throws Error for mismatched
  /// shapes, for a dimension that the corrector rejects, for times at which the model cannot be
  /// evaluated, for states that are not finite, and as the constraint does.
  template <class M, class X, class N, class O = NoObserver, class Q = NoConstraint>
  SamplerStatistics integrate(M&& model, X& x, const N& noise, Workspace<X, buffers>& work,
                              O&& observer = O{}, Q&& constraint = Q{}) const {
    using Model = std::remove_reference_t<M>;
    using Watcher = std::remove_reference_t<O>;
    using Condition = std::remove_reference_t<Q>;
    static_assert(RunArguments<Model, X, N>::checked);
    static_assert(detail::ConstraintArgument<Condition, Model, X, N>::checked);
    check_shapes(name, x, work);
    if constexpr (requires { corrector_.validate(extents(x).dim); })
      if (corrector_.steps > 0) corrector_.validate(extents(x).dim);
    table_.check_times(name, model);
    SamplerRun<X, Watcher> run(name, grid_.size(), grid_.front().t, x, work.row(0), observer);
    detail::ConstrainedRun<Condition, Model, X, N> constrained(constraint, model, x, noise);
    detail::PredictorCorrectorStepper<Table, Model, X, buffers, N, Watcher, Condition> stepper{
        table_, model, x, noise, work, run, constrained};
    constrained.start(grid_.front().t);
    for (std::size_t i = 0; i < grid_.size() && !run.stopped(); ++i) {
      stepper.step(i);
      run.took(grid_[i], x);
    }
    run.evaluate_last(table_.last, model, work[0]);
    if (!run.stopped()) constrained.finish();
    return run.finish();
  }

 private:
  static constexpr bool predicts = predictor_needs_score<P>;
  using Rule = decltype(std::declval<const C&>().rule(std::declval<const S&>(), 0.0));
  using Table = detail::PredictorCorrectorTable<C::needs_norms, Rule>;

  void validate() const {
    using enum FinalStep;
    const bool lowest_used = options_.order == StepOrder::predictor_first;
    const double lowest = lowest_used ? grid_.back().t_next : grid_.back().t;
    require(grid_.generates(), name, ": the grid goes from ", grid_.front().t, " up to ",
            grid_.back().t_next, "; time must decrease towards the data");
    require(grid_.front().t <= sde_.t_max() && lowest >= 0, name, ": the grid goes from ",
            grid_.front().t, " to ", lowest, "; it must lie in [0, T] with T = ", sde_.t_max());
    require_final_step(name, options_.final_step,
                       {keep_noise, drop_last_noise, denoise, reverse_diffusion},
                       {grid_.front().t, grid_.back().t_next});
  }

  /// Computes step i. Throws Error, naming the step, if predictor, corrector or SDE reject it.
  void prepare(std::size_t i) {
    const bool last = i + 1 == grid_.size();
    const bool noiseless = last && options_.final_step == FinalStep::drop_last_noise;
    const bool corrects = !(noiseless && predicts && !table_.corrector_first);
    detail::PredictorCorrectorStep step{.time = grid_[i]};
    step.corrections = corrects ? static_cast<std::size_t>(corrector_.steps) : 0;
    step.corrected_at = table_.corrector_first ? step.time.t : step.time.t_next;
    try {
      if constexpr (predicts) step.predictor = predictor_.coefficients(sde_, step.time);
      if (step.corrections > 0)
        table_.correctors.push_back({corrector_.rule(sde_, step.corrected_at),
                                     detail::scope_of(corrector_), step.corrected_at});
    } catch (const Error& error) {
      throw Error(scoresde::text(name, ": step ", i, " of the grid, from t = ", step.time.t, " to ",
                                 step.time.t_next, ", cannot be taken: ", error.what()));
    }
    if (noiseless) step.predictor = without_noise(step.predictor);
    const auto [state, score, noise] = step.predictor;
    require(std::isfinite(state) && std::isfinite(score) && std::isfinite(noise), name,
            ": the coefficients of step ", i, " of the grid, from t = ", step.time.t, " to ",
            step.time.t_next, ", are ", state, ", ", score, " and ", noise,
            "; they must be finite");
    table_.steps.push_back(step);
  }

  S sde_;
  P predictor_;
  C corrector_;
  TimeGrid grid_;
  PredictorCorrectorOptions options_;
  Table table_;
};

/// Reports arguments that no constructor takes.
PredictorCorrector(...)->PredictorCorrector<NotDeduced, NotDeduced>;

}  // namespace scoresde
