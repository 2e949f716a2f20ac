// SPDX-License-Identifier: MIT
/// PredictorCorrector: Song et al.'s sampler, put together from an SDE, a predictor and a
/// corrector.
///
///   for each step (t → t_next):  x ← corrector at t, `steps` times;  x ← predictor from t to
///   t_next
///
/// Song et al. 2021 (arXiv:2011.13456), algorithm 1; the order of its published code (corrector
/// before predictor) is the default, that of the algorithm as printed is there by name.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <scoresde/sampler/observer.hpp>
#include <scoresde/sampler/sampler.hpp>
#include <scoresde/sde/general_sde.hpp>
#include <scoresde/time/time_grid.hpp>

namespace scoresde {

/// corrector_first corrects at t before each step; predictor_first corrects at t_next after it.
enum class StepOrder { corrector_first, predictor_first };

struct PredictorCorrectorOptions {
  StepOrder order = StepOrder::corrector_first;
  /// The last predictor step is taken without its noise, and nothing follows it. Without a
  /// predictor the state itself is the result.
  bool denoise = true;
};

/// True when the three fit together.
template <class S, class P, class C>
inline constexpr bool predictor_corrector_fits = false;
template <Sde S, class P, class C>
inline constexpr bool predictor_corrector_fits<S, P, C> = Predictor<P, S>&& Corrector<C, S>;

/// A const, stateless value: the state's type, the model and the noise meet it in the call.
///
/// The coefficients of all steps are made with the sampler. Non-finite states are refused: x is
/// checked after steps 1, 2, 4, 8, … and the last, which costs log₂(steps) + 2 passes over x.
template <class S, class P, class C>
class PredictorCorrector {
  static_assert(Sde<S> || !GeneralSde<S>,
                "PredictorCorrector: this SDE is a general one, without the closed-form marginal of"
                " marginal_prob(t); take ReverseSimulation, or Simulation forward in time");
  static_assert(GeneralSde<S> || detail::SdeArgument<S>::checked);
  static_assert(!Sde<S> || Predictor<P, S>,
                "PredictorCorrector: the second argument is no predictor for this SDE; it needs"
                " coefficients(sde, TimeStep) returning StepCoefficients");
  static_assert(!Sde<S> || Corrector<C, S>,
                "PredictorCorrector: the third argument is no corrector for this SDE; it needs"
                " steps, needs_norms and rule(sde, t), a functor from Norms to StepCoefficients");

 public:
  /// States a workspace must hold beside x.
  static constexpr std::size_t buffers = corrector_buffers<C>;

  /// Throws Error unless the grid decreases within [0, t_max], predictor and corrector accept their
  /// own parameters (`validate`), the predictor has finite coefficients for every step of the grid,
  /// and the corrector a rule for every time at which it corrects.
  PredictorCorrector(S sde, P predictor, C corrector, TimeGrid grid,
                     PredictorCorrectorOptions options = {})
      : sde_(std::move(sde)),
        predictor_(std::move(predictor)),
        corrector_(std::move(corrector)),
        grid_(std::move(grid)),
        options_(options) {
    if constexpr (requires { predictor_.validate(); }) predictor_.validate();
    if constexpr (requires { corrector_.validate(); }) corrector_.validate();
    const bool lowest_used = options_.order == StepOrder::predictor_first;
    const double lowest = lowest_used ? grid_.back().t_next : grid_.back().t;
    detail::require(grid_.generates(), "predictor-corrector: the grid goes from ", grid_.front().t,
                    " up to ", grid_.back().t_next, "; time must decrease towards the data");
    detail::require(grid_.front().t <= sde_.t_max() && lowest >= 0,
                    "predictor-corrector: the grid goes from ", grid_.front().t, " to ", lowest,
                    "; it must lie in [0, T] with T = ", sde_.t_max());
    for (std::size_t i = 0; i < grid_.size(); ++i) prepare(i);
  }

  /// Evaluations of the model in one run.
  [[nodiscard]] std::size_t nfe() const {
    const std::size_t corrections = denoised_before_correcting() ? grid_.size() - 1 : grid_.size();
    return (predicts ? grid_.size() : 0) + corrections * corrections_per_step();
  }

  [[nodiscard]] const S& sde() const { return sde_; }
  [[nodiscard]] const TimeGrid& grid() const { return grid_; }

  /// Fills x with a draw from the prior, or from the marginal where the grid begins below T, and
  /// carries it to the data. Makes a workspace. Throws Error as draw_prior and integrate do.
  template <class M, class X, class N, class O = NoObserver>
  SamplerStatistics sample(M&& model, X& x, const N& noise, O&& observer = O{}) const {
    static_assert(detail::RunArguments<std::remove_reference_t<M>, X, N>::checked);
    Workspace<X, buffers> work(x);
    draw_prior(sde_, grid_.front().t, x, noise.draw(0));
    return integrate(model, x, noise, work, observer);
  }

  /// Carries the x given through the grid; allocates nothing. Throws Error for mismatched shapes,
  /// for a dimension that the corrector does not take, for times that the model does not take, and
  /// for states that are not finite.
  template <class M, class X, class N, class O = NoObserver>
  SamplerStatistics integrate(M&& model, X& x, const N& noise, Workspace<X, buffers>& work,
                              O&& observer = O{}) const {
    static_assert(detail::RunArguments<std::remove_reference_t<M>, X, N>::checked);
    detail::check_shapes("predictor-corrector", x, work);
    if constexpr (requires { corrector_.validate(extents(x).dim); })
      if (corrections_per_step() > 0) corrector_.validate(extents(x).dim);
    for (std::size_t i = 0; i < grid_.size(); ++i) check_times(model, i);
    using Watcher = std::remove_reference_t<O>;
    Run<std::remove_reference_t<M>, X, N, Watcher> run{*this, model, x, noise, work, observer};
    detail::notify_start(observer, {0, grid_.size(), {grid_.front().t, grid_.front().t}, 0}, x);
    detail::FiniteLooks look{"predictor-corrector", grid_.size(), grid_.front().t};
    std::size_t taken = 0;
    for (const TimeStep time : grid_) {
      run.step(taken++);
      look(x, taken, time.t_next, work.row(0));
      if (detail::notify_step(observer, {taken - 1, grid_.size(), time, run.nfe}, x) ==
          StepAction::stop)
        break;
    }
    detail::notify_finish(observer, x);
    return {run.nfe, taken, 0};
  }

 private:
  static constexpr bool predicts = detail::predictor_needs_score<P>;

  template <class M, class X, class N, class O>
  struct Run {
    const PredictorCorrector& sampler;
    M& model;
    X& x;
    const N& noise;
    Workspace<X, buffers>& work;
    O& observer;
    std::uint64_t draw = 1;
    std::size_t nfe = 0;

    void step(std::size_t i) {
      const TimeStep time = sampler.grid_[i];
      const bool corrector_first = sampler.options_.order == StepOrder::corrector_first;
      if (corrector_first) correct(time.t);
      if constexpr (predicts) predict(time, sampler.steps_[i]);
      if (!corrector_first && sampler.corrects_in(i)) correct(time.t_next);
    }

    void correct(double t) {
      for (std::size_t j = 0; j < sampler.corrections_per_step(); ++j, ++nfe)
        scoresde::correct(sampler.sde_, sampler.corrector_, t, x, output(t), model.score_form(t),
                          noise.draw(draw++), work, observer);
    }

    void predict(TimeStep time, const StepCoefficients& step) {
      const X& predicted = output(time.t);
      detail::with_step_noise<X>(noise, draw++, time, step.noise, [&](const auto& z) {
        update(x, predicted, model.score_form(time.t), step, z);
      });
      ++nfe;
    }

    const X& output(double t) {
      model.evaluate(x, t, work[0]);
      return work[0];
    }
  };

  /// Makes step i. Throws Error, with the step, where predictor, corrector or SDE cannot take it.
  void prepare(std::size_t i) {
    const TimeStep time = grid_[i];
    StepCoefficients step;
    try {
      if constexpr (predicts) step = predictor_.coefficients(sde_, time);
      if (corrections_per_step() > 0 && corrects_in(i))
        static_cast<void>(corrector_.rule(
            sde_, options_.order == StepOrder::corrector_first ? time.t : time.t_next));
    } catch (const Error& error) {
      throw Error(detail::text("predictor-corrector: step ", i, " of the grid, from t = ", time.t,
                               " to ", time.t_next, ", cannot be taken: ", error.what()));
    }
    if (i + 1 == grid_.size() && options_.denoise) step = without_noise(step);
    detail::require(
        std::isfinite(step.state) && std::isfinite(step.score) && std::isfinite(step.noise),
        "predictor-corrector: the coefficients of step ", i, " of the grid, from t = ", time.t,
        " to ", time.t_next, ", are ", step.state, ", ", step.score, " and ", step.noise,
        "; they must be finite");
    steps_.push_back(step);
  }

  template <class M>
  void check_times(M& model, std::size_t i) const {
    const bool corrects = corrections_per_step() > 0 && corrects_in(i);
    const bool corrector_first = options_.order == StepOrder::corrector_first;
    if (predicts || (corrects && corrector_first))
      detail::check_score_form("predictor-corrector", model, grid_[i].t);
    if (corrects && !corrector_first)
      detail::check_score_form("predictor-corrector", model, grid_[i].t_next);
  }

  /// False in a last step after which nothing follows.
  [[nodiscard]] bool corrects_in(std::size_t i) const {
    return i + 1 < grid_.size() || !denoised_before_correcting();
  }
  [[nodiscard]] std::size_t corrections_per_step() const {
    return static_cast<std::size_t>(corrector_.steps);
  }
  [[nodiscard]] bool denoised_before_correcting() const {
    return predicts && options_.denoise && options_.order == StepOrder::predictor_first;
  }

  S sde_;
  P predictor_;
  C corrector_;
  TimeGrid grid_;
  PredictorCorrectorOptions options_;
  std::vector<StepCoefficients> steps_;
};

}  // namespace scoresde
