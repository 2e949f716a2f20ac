// SPDX-License-Identifier: MIT
/// What samplers are made of: the update, the noise it takes, and the corrector's step.
///
///   x ← a·x + b·(p·x + q·F) + c·z   in one pass: (a + b p)·x + (b q)·F + c·z
///
/// The number of a draw says what it is for: draw 0 is the prior, 1, 2, … are consumed in order,
/// one by each predictor update (the last too, and the probability flow's, though their noise is
/// not used) and one by each corrector step. Absent predictors and correctors consume none.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

#include <scoresde/corrector/corrector.hpp>
#include <scoresde/predictor/predictor.hpp>
#include <scoresde/sampler/observer.hpp>
#include <scoresde/sampler/prior.hpp>
#include <scoresde/score/score_model.hpp>
#include <scoresde/state/backend.hpp>
#include <scoresde/state/workspace.hpp>

namespace scoresde {

/// Where a sampler's normals come from: Noise (named, drawn inside the update), or a user's own
/// states (RecordedNoise).
template <class N, class X>
concept NoiseSource = requires(const N& noise, std::uint64_t index) {
  { noise.draw(index) } -> std::same_as<NoiseDraw>;
}
|| requires(const N& noise, std::uint64_t index) {
  { noise.draw(index) } -> std::same_as<const X&>;
};

/// A source whose noise follows a path: draw(index, step) is the unit normal of a step by its times
/// (BrownianPath). draw(index) remains for the prior and for correctors.
template <class N, class X>
concept TimedNoiseSource = NoiseSource<N, X> &&
    requires(const N& noise, std::uint64_t index, TimeStep step) {
  { noise.draw(index, step) } -> std::same_as<const X&>;
};

/// Draws kept as states; draws[i] is draw i, draws[0] the prior's. They must outlive the run.
template <class X>
struct RecordedNoise {
  std::span<const X> draws;

  /// Throws Error when no such draw was recorded.
  [[nodiscard]] const X& draw(std::uint64_t index) const {
    detail::require(index < draws.size(), "recorded noise: draw ", index, " is wanted and ",
                    draws.size(), " are recorded");
    return draws[static_cast<std::size_t>(index)];
  }
};

/// What a run did.
struct SamplerStatistics {
  std::size_t nfe = 0;       ///< evaluations of the model
  std::size_t accepted = 0;  ///< steps taken; summed over samples when each has its own steps
  std::size_t rejected = 0;  ///< steps tried and not taken; 0 for fixed steps
};

/// The sampler's concept: a const, stateless value that meets state, model and noise in the call.
template <class S, class M, class X, class N>
concept Sampler = requires(const S& sampler, M& model, X& x, const N& noise,
                           Workspace<X, S::buffers>& work) {
  { S::buffers } -> std::convertible_to<std::size_t>;
  { sampler.sample(model, x, noise) } -> std::same_as<SamplerStatistics>;
  { sampler.integrate(model, x, noise, work) } -> std::same_as<SamplerStatistics>;
};

namespace detail {

/// Completing one of these reports the first argument of a run that does not fit.
template <class X>
struct StateArgument {
  static_assert(!std::is_const_v<X>, "sampler: the state is const; a run writes to it");
  static_assert(std::is_const_v<X> || State<X>,
                "sampler: no Backend is known for this state; specialize scoresde::backend_of with "
                "`static auto of(const X&)`");
  static constexpr bool fits = !std::is_const_v<X> && State<X>;
  static constexpr bool checked = true;
};
template <class M, class X>
struct ModelArgument : StateArgument<X> {
  static_assert(!StateArgument<X>::fits || ScoreModel<M, X>,
                "sampler: the model is not a score model for this state; it needs evaluate(const "
                "State& x, double t, State& output) and score_form(double t) returning ScoreForm, "
                "not const; score_function(f) makes one of a function");
};
template <class X, class N>
struct NoiseArgument : StateArgument<X> {
  static_assert(!StateArgument<X>::fits || NoiseSource<N, X>,
                "sampler: the noise is not a noise source; it needs draw(index) returning NoiseDraw"
                " or const State&, as Noise{.seed = 42} has");
};
template <class M, class X, class N>
struct RunArguments : ModelArgument<M, X>, NoiseArgument<X, N> {
  static constexpr bool checked = true;
};

}  // namespace detail

/// x ← step.state·x + step.score·(form.state·x + form.output·output) + step.noise·z.
template <State X>
void update(X& x, const X& output, ScoreForm form, StepCoefficients step, NoiseDraw z) {
  const std::array<Term<X>, 2> terms{Term<X>{step.state + step.score * form.state, &x},
                                     {step.score * form.output, &output}};
  backend(x).assign(x, std::span<const Term<X>>(terms), NoiseTerm{step.noise, z});
}

/// The same with the normals given as a state.
template <State X>
void update(X& x, const X& output, ScoreForm form, StepCoefficients step, const X& z) {
  const std::array<Term<X>, 3> terms{Term<X>{step.state + step.score * form.state, &x},
                                     {step.score * form.output, &output},
                                     {step.noise, &z}};
  backend(x).assign(x, std::span<const Term<X>>(terms), NoiseTerm{});
}

namespace detail {

/// use(z), z the noise of a step: by its times where the source knows them, by its number
/// otherwise. A timed source is not asked for noise whose coefficient is 0.
template <State X, class N, class Use>
void with_step_noise(const N& noise, std::uint64_t index, TimeStep step, double coefficient,
                     const Use& use) {
  if constexpr (!TimedNoiseSource<N, X>)
    use(noise.draw(index));
  else if (coefficient != 0)
    use(noise.draw(index, step));
  else
    use(NoiseDraw{});
}

/// per_sample[k] ← ‖z[k]‖₂.
template <State X>
void noise_norms(NoiseDraw z, const X& x, std::span<double> per_sample) {
  backend(x).norms(z, x, per_sample);
}
template <State X>
void noise_norms(const X& z, const X& x, std::span<double> per_sample) {
  const std::array<Term<X>, 1> terms{Term<X>{1, &z}};
  backend(x).norms(std::span<const Term<X>>(terms), per_sample);
}

inline double mean(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

/// Coefficients of x, the output and z, one of each per sample.
struct SampleCoefficients {
  std::span<double> state, output, noise;
};

template <State X>
void update(X& x, const X& output, const SampleCoefficients& c, NoiseDraw z) {
  const std::array<SampleTerm<X>, 2> terms{SampleTerm<X>{c.state, &x}, {c.output, &output}};
  backend(x).assign(x, std::span<const SampleTerm<X>>(terms), SampleNoise{c.noise, z});
}
template <State X>
void update(X& x, const X& output, const SampleCoefficients& c, const X& z) {
  const std::array<SampleTerm<X>, 3> terms{
      SampleTerm<X>{c.state, &x}, {c.output, &output}, {c.noise, &z}};
  backend(x).assign(x, std::span<const SampleTerm<X>>(terms), SampleNoise{});
}

/// Rows of a workspace as a corrector uses them.
enum CorrectorRow : std::size_t { score_norm, noise_norm, state_row, output_row, noise_row };

/// Per sample: the rule's coefficients, with the score's form folded in.
template <class Rule>
void fill_coefficients(const Rule& rule, ScoreForm form, std::span<const double> score_norms,
                       std::span<const double> noise_norms, const SampleCoefficients& out) {
  for (std::size_t k = 0; k < score_norms.size(); ++k) {
    const StepCoefficients step = rule(Norms{score_norms[k], noise_norms[k]});
    out.state[k] = step.state + step.score * form.state;
    out.output[k] = step.score * form.output;
    out.noise[k] = step.noise;
  }
}

/// ‖∇log p_t(x)‖₂ and ‖z‖₂ of every sample, into their rows.
template <State X, std::size_t N, class Z>
void measure_norms(const X& x, const X& output, ScoreForm form, const Z& z, Workspace<X, N>& work) {
  const std::array<Term<X>, 2> score{Term<X>{form.state, &x}, {form.output, &output}};
  backend(x).norms(std::span<const Term<X>>(score), work.row(score_norm));
  detail::noise_norms(z, x, work.row(noise_norm));
}

/// Tells of the step that norms_of(k) have led to.
template <class Rule, class NormsOf, State X, std::size_t N, class O>
void report_correction(const Rule& rule, const NormsOf& norms_of, double t, const X& x,
                       Workspace<X, N>& work, O& observer) {
  const std::span<double> scores = work.row(score_norm), noises = work.row(noise_norm);
  const std::span<double> sizes = work.row(state_row), ratios = work.row(output_row);
  for (std::size_t k = 0; k < scores.size(); ++k) {
    const StepCoefficients step = rule(norms_of(k));
    const double noise = step.noise * noises[k];
    sizes[k] = step.score;
    ratios[k] = noise != 0 ? step.score * scores[k] / noise : 0;
  }
  observer.on_correction(CorrectionStep{t, scores, noises, sizes, ratios}, x);
}

}  // namespace detail

namespace detail {

template <class S, class C, State X, std::size_t N, class Z, class O>
void correct(const S& sde, const C& corrector, double t, X& x, const X& output, ScoreForm form,
             const Z& z, Workspace<X, N>& work, O& observer) {
  constexpr bool watched = watches_corrections<std::remove_reference_t<O>, X>;
  const auto rule = corrector.rule(sde, t);
  const std::span<double> scores = work.row(score_norm);
  const std::span<double> noises = work.row(noise_norm);
  if constexpr (C::needs_norms || watched) measure_norms(x, output, form, z, work);
  bool per_sample = false;
  Norms batch{};
  if constexpr (C::needs_norms) {
    per_sample = corrector.norm_scope == NormScope::per_sample;
    if (!per_sample) batch = {mean(scores), mean(noises)};
  }
  if (per_sample) {
    const SampleCoefficients rows{work.row(state_row), work.row(output_row), work.row(noise_row)};
    fill_coefficients(rule, form, scores, noises, rows);
    update(x, output, rows, z);
  } else {
    scoresde::update(x, output, form, rule(batch), z);
  }
  if constexpr (watched) {
    const auto norms_of = [&](std::size_t k) {
      return per_sample ? Norms{scores[k], noises[k]} : batch;
    };
    report_correction(rule, norms_of, t, x, work, observer);
  }
}

/// True for backends that take a corrector's step as a whole: norms, the rule, and the update,
/// where the states lie.
template <class X, class Z, class Rule>
concept CorrectsInBackend = State<X> && requires(X& x, const X& output, ScoreForm form, const Z& z,
                                                 const Rule& rule, std::span<double> norms) {
  backend(x).correct(x, output, form, z, rule, NormScope::per_sample, norms, norms);
};

template <class S, class C, State X, std::size_t N, class Z, class O>
void correct_in_backend(const S& sde, const C& corrector, double t, X& x, const X& output,
                        ScoreForm form, const Z& z, Workspace<X, N>& work, O& observer) {
  const auto rule = corrector.rule(sde, t);
  std::span<double> scores, noises;
  constexpr bool watched = watches_corrections<std::remove_reference_t<O>, X>;
  if constexpr (watched) scores = work.row(score_norm), noises = work.row(noise_norm);
  backend(x).correct(x, output, form, z, rule, corrector.norm_scope, scores, noises);
  if constexpr (watched) {
    const bool per_sample = corrector.norm_scope == NormScope::per_sample;
    const Norms batch{mean(scores), mean(noises)};
    const auto norms_of = [&](std::size_t k) {
      return per_sample ? Norms{scores[k], noises[k]} : batch;
    };
    report_correction(rule, norms_of, t, x, work, observer);
  }
}

}  // namespace detail

/// States that `correct` wants in its workspace: the model's output, and the normals where their
/// norm is asked for before they are added.
template <class C>
inline constexpr std::size_t corrector_buffers = C::needs_norms ? 2 : 1;

/// One corrector step at time t. `output` holds F(x, t), `form` makes it the score, z is a
/// NoiseDraw or a state. Norms per sample give every sample its own step size; batch means one.
/// Where the norm of a draw is needed, the draw is kept in the workspace's last state if there are
/// two or more, and drawn twice otherwise.
template <class S, class C, State X, std::size_t N, class Z, class O = NoObserver>
void correct(const S& sde, const C& corrector, double t, X& x, const X& output, ScoreForm form,
             const Z& z, Workspace<X, N>& work, O&& observer = O{}) {
  static_assert(Corrector<C, S>);
  using Rule = decltype(corrector.rule(sde, t));
  if constexpr (C::needs_norms && detail::CorrectsInBackend<X, Z, Rule>) {
    detail::correct_in_backend(sde, corrector, t, x, output, form, z, work, observer);
  } else if constexpr (C::needs_norms && N >= 2 && std::same_as<Z, NoiseDraw>) {
    X& drawn = work[N - 1];
    backend(x).assign(drawn, std::span<const Term<X>>(), NoiseTerm{1, z});
    detail::correct(sde, corrector, t, x, output, form, std::as_const(drawn), work, observer);
  } else {
    detail::correct(sde, corrector, t, x, output, form, z, work, observer);
  }
}

namespace detail {

/// Refuses a state without elements and a workspace of another shape.
template <State X, std::size_t N>
void check_shapes(const char* sampler, const X& x, const Workspace<X, N>& work) {
  const Extents e = extents(x);
  require(e.samples > 0 && e.dim > 0, sampler, ": the state has ", e.samples,
          " samples of dimension ", e.dim, "; it must not be empty");
  require(work.shape() == e, sampler, ": the workspace was made for ", work.shape().samples,
          " samples of dimension ", work.shape().dim, " and the state has ", e.samples, " of ",
          e.dim);
}

/// Refuses a model whose score has no finite form at a time that the run evaluates, and a model
/// that does not take that time: called before the work begins.
template <class M>
void check_score_form(const char* sampler, M& model, double t) {
  const ScoreForm form = model.score_form(t);
  require(std::isfinite(form.state) && std::isfinite(form.output), sampler,
          ": the model's score at t = ", t, " is ", form.state, "*x + ", form.output,
          "*F; both factors must be finite at every time of the grid");
}

[[noreturn]] inline void refuse_not_finite(const char* sampler, std::size_t k, TimeStep since) {
  throw Error(text(sampler, ": the state of sample ", k, " is not finite at t = ", since.t_next,
                   "; it became so since t = ", since.t,
                   ", by the model's output or by a step too long"));
}

/// Refuses a state that is not finite: ⟨x, x⟩ of every sample must be a number. `since` goes from
/// the time of the look before to this one, `row` is scratch. A backend that captures a run defers
/// the check to its replay.
template <State X>
void check_finite(const char* sampler, const X& x, TimeStep since, std::span<double> row) {
  if constexpr (requires { backend(x).defer_finite_check(sampler, x, since); })
    if (backend(x).defer_finite_check(sampler, x, since)) return;
  backend(x).inner(x, x, row);
  for (std::size_t k = 0; k < row.size(); ++k)
    if (!std::isfinite(row[k])) refuse_not_finite(sampler, k, since);
}

/// The looks of a run at its state: after steps 1, 2, 4, 8, … and the last, which costs log₂(steps)
/// + 2 passes over x.
struct FiniteLooks {
  const char* sampler = "";
  std::size_t steps = 0;
  double last = 0;  ///< time of the last look, at first that of the beginning

  /// To be called after every step: `taken` of them have brought x to time t.
  template <State X>
  void operator()(const X& x, std::size_t taken, double t, std::span<double> row) {
    if ((taken & (taken - 1)) != 0 && taken != steps) return;
    check_finite(sampler, x, {last, t}, row);
    last = t;
  }
};

}  // namespace detail
}  // namespace scoresde
