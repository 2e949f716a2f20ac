// SPDX-License-Identifier: MIT
/// SolverSampler: the probability flow or the reverse SDE by an exponential-integrator solver.
///
///   for each stage:  F ← model(x, t),   x ← a·x + Σⱼ wⱼ·D₋ⱼ + c·z,   D = ε or x₀ = p·x + q·F
///
/// Solvers: those of registry/solver_registry.hpp (single-step, multistep and stochastic) or
/// user-defined ones. λ = ln(α/σ) is infinite at noise-free data, so no step in λ reaches them; a
/// prediction does (FinalStep::to_data and denoise).
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
#include <scoresde/sampler/detail/solver_run.hpp>
#include <scoresde/sampler/final_step.hpp>
#include <scoresde/sampler/sampler.hpp>
#include <scoresde/sde/general_sde.hpp>
#include <scoresde/solver/solver.hpp>

namespace scoresde {

/// True if the solver is valid for the SDE.
template <class S, class R>
inline constexpr bool solver_sampler_fits = false;
template <Sde S, class R>
inline constexpr bool solver_sampler_fits<S, R> = Solver<R, S>;

struct SolverSamplerOptions {
  /// keep_noise, to_data or denoise; denoise is counted and observed as a stage.
  FinalStep final_step = FinalStep::to_data;
};

/// A const, stateless value: state, model and noise are arguments of the call.
///
/// Observers receive x after every stage: with UniPC before its correction, with single-step
/// solvers also at inner nodes. States that are not finite are rejected after stages 1, 2, 4, 8, …
/// and the last.
template <class S, class R>
class SolverSampler : public SampledFromPrior<SolverSampler<S, R>> {
  static_assert(deduced<S>,
                "SolverSampler: an argument is missing or not in its place; it takes (sde, solver, "
                "grid, options), such as SolverSampler{sde, UniPc<2>{}, log_snr_grid(sde, 20)}");
  static_assert(Sde<S> || !GeneralSde<S>,
                "SolverSampler: this SDE is a general one, without the closed-form marginal of "
                "marginal_prob(t); use GeneralProbabilityFlow or ReverseSimulation");
  static_assert(GeneralSde<S> || SdeArgument<S>::checked);
  static_assert(!Sde<S> || Solver<R, S>,
                "SolverSampler: the second argument is not a solver for this SDE; it needs order, "
                "history, prediction and stages(sde, grid) returning std::vector<SolverStage>");

 public:
  static constexpr const char* name = "solver sampler";
  /// States that a workspace holds in addition to x: one per prediction stored at a time.
  static constexpr std::size_t buffers = R::history;
  static constexpr bool applies_constraints = true;
  static_assert(buffers >= 1 && buffers < max_terms,
                "SolverSampler: the solver's history must be 1 to 7 predictions");

  /// Throws Error unless each step starts where the previous one ends, within [0, T]; the log-SNR
  /// is finite at all times (with to_data the grid may end at noise-free data); the solver accepts
  /// its parameters and returns finite coefficients; and the final step is one of those above.
  SolverSampler(S sde, R solver, TimeGrid grid, SolverSamplerOptions options = {})
      : sde_(std::move(sde)), solver_(std::move(solver)), grid_(std::move(grid)) {
    using enum FinalStep;
    const FinalStep final_step = options.final_step;
    if constexpr (requires { solver_.validate(); }) solver_.validate();
    require_final_step(name, final_step, {keep_noise, to_data, denoise},
                       {grid_.front().t, grid_.back().t_next});
    check_grid(final_step == to_data);
    run_ = detail::SolverRun(name, grid_.front().t, solver_.prediction, make_stages(final_step),
                             buffers, [this](double t) { return sde_.marginal_prob(t); });
    if constexpr (CountedSolver<R>)
      require(nfe() == nfe(grid_.size(), final_step), name, ": the solver takes ", nfe(),
              " evaluations for a grid of ", grid_.size(), " steps; its declared number is ",
              nfe(grid_.size(), final_step));
  }

  /// Does not compile: a solver has no default grid.
  template <class Solver = R>
  SolverSampler(S sde, R solver) : SolverSampler(sde, solver, uniform_grid(1, 0, 1)) {
    static_assert(!std::same_as<Solver, R>,
                  "SolverSampler: the grid is missing; it takes (sde, solver, grid, options), such "
                  "as SolverSampler{sde, UniPc<2>{}, log_snr_grid(sde, 20)}");
  }

  /// Evaluations of the model in a run over a grid of `steps` steps.
  [[nodiscard]] static constexpr std::size_t nfe(
      std::size_t steps, FinalStep final_step = FinalStep::to_data) requires CountedSolver<R> {
    if (final_step != FinalStep::to_data)
      return solver_nfe<R>(steps) + (final_step == FinalStep::denoise ? 1 : 0);
    return steps == 0 ? 0 : solver_nfe<R>(steps - 1) + 1;
  }
  /// Evaluations of the model in one run.
  [[nodiscard]] std::size_t nfe() const { return run_.evaluations(); }

  [[nodiscard]] const S& sde() const { return sde_; }
  [[nodiscard]] const TimeGrid& grid() const { return grid_; }
  /// The stages of the run.
  [[nodiscard]] const std::vector<SolverStage>& stages() const { return run_.stages(); }

  using SampledFromPrior<SolverSampler<S, R>>::integrate;
  /// Integrates the given x over the grid without allocating; deterministic solvers draw no noise.
  /// A constraint is applied after every stage, with draws after the highest of the stages; one
  /// that needs the state before an update takes one copy of it, before the first step. Throws
  /// Error for mismatched shapes, times at which the model cannot be evaluated, states that are not
  /// finite, and as the constraint does.
  template <class M, class X, class N, class O = NoObserver, class Q = NoConstraint>
  SamplerStatistics integrate(M&& model, X& x, const N& noise, Workspace<X, buffers>& work,
                              O&& observer = O{}, Q&& constraint = Q{}) const {
    using Model = std::remove_reference_t<M>;
    static_assert(RunArguments<Model, X, N>::checked);
    static_assert(detail::ConstraintArgument<std::remove_reference_t<Q>, Model, X, N>::checked);
    check_shapes(name, x, work);
    return detail::run_stages(run_, model, x, noise, std::span<X>(&work[0], buffers), work.row(0),
                              observer, constraint);
  }

 private:
  /// The end of a last step to the data is ignored.
  void check_grid(bool to_data) const {
    for (std::size_t i = 0; i < grid_.size(); ++i) {
      const TimeStep step = grid_[i];
      require(i == 0 || step.t == grid_[i - 1].t_next, name, ": step ", i,
              " of the grid starts at ", step.t, ", but the previous step ends at ",
              grid_[i > 0 ? i - 1 : 0].t_next,
              "; each step must start where the previous one ends");
      for (const double t : {step.t, step.t_next}) {
        require(t >= 0 && t <= sde_.t_max(), name, ": the grid reaches t = ", t,
                "; it must lie in [0, T] with T = ", sde_.t_max());
        if (to_data && i + 1 == grid_.size() && t == step.t_next) continue;
        require(std::isfinite(log_snr(sde_, t)), name, ": the log-SNR at t = ", t,
                " is infinite; end the grid before that time and use a final denoising step");
      }
    }
  }

  [[nodiscard]] std::vector<SolverStage> make_stages(FinalStep final_step) const {
    if (final_step == FinalStep::to_data) return stages_to_data(solver_, sde_, grid_);
    std::vector<SolverStage> stages = solver_.stages(sde_, grid_);
    if (final_step == FinalStep::denoise)
      stages.push_back(data_stage(sde_, solver_.prediction, grid_.back().t_next));
    return stages;
  }

  S sde_;
  R solver_;
  TimeGrid grid_;
  detail::SolverRun run_;
};

/// Reports arguments that no constructor takes.
SolverSampler(...)->SolverSampler<NotDeduced, NotDeduced>;

}  // namespace scoresde
