// SPDX-License-Identifier: MIT
/// One corrector step: norms, the coefficients computed from them, and the update.
///
///   x ← x + ε ∇log p_t(x) + √(2ε) z,   ε from ‖∇log p_t(x)‖₂ and ‖z‖₂
///
/// Song et al. 2021 (arXiv:2011.13456), algorithms 4 and 5.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

#include <scoresde/corrector/corrector.hpp>
#include <scoresde/observer/observer.hpp>
#include <scoresde/sampler/sampler.hpp>
#include <scoresde/state/workspace.hpp>

namespace scoresde {

/// True for backends that execute a whole corrector step (norms, rule and update) where the states
/// are stored.
template <class X, class Z, class Rule>
concept CorrectsInBackend = State<X> && requires(X& x, const X& output, ScoreForm form, const Z& z,
                                                 const Rule& rule, std::span<double> norms) {
  backend(x).correct(x, output, form, z, rule, Scope::per_sample, norms, norms);
};

namespace detail {

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

/// Rows of a workspace used by a corrector.
enum CorrectorRow : std::size_t { score_norm, noise_norm, state_row, output_row, noise_row };

/// The coefficients of the rule at time t. Throws Error for norms that the rule rejects.
template <class Rule>
[[nodiscard]] StepCoefficients coefficients(const Rule& rule, double t, Norms norms) {
  if constexpr (requires { rule.validate(norms, t); }) rule.validate(norms, t);
  return rule(norms);
}

/// Per sample: the coefficients of the rule, with the score's form folded in.
template <class Rule>
void fill_coefficients(const Rule& rule, double t, ScoreForm form,
                       std::span<const double> score_norms, std::span<const double> noise_norms,
                       const SampleCoefficients& out) {
  for (std::size_t k = 0; k < score_norms.size(); ++k) {
    const StepCoefficients step = coefficients(rule, t, Norms{score_norms[k], noise_norms[k]});
    out.state[k] = step.state + step.score * form.state;
    out.output[k] = step.score * form.output;
    out.noise[k] = step.noise;
  }
}

/// A corrector at time t, independent of the types of corrector and SDE: its rule at t and the
/// scope of its norms.
template <bool NeedsNorms, class Rule>
struct CorrectorStep {
  Rule rule;
  Scope scope = Scope::per_sample;
  double t = 0;

  /// See scoresde::correct.
  template <State X, std::size_t N, class Z, class O>
  void operator()(X& x, const X& output, ScoreForm form, const Z& z, Workspace<X, N>& work,
                  O& observer) const {
    if constexpr (NeedsNorms && CorrectsInBackend<X, Z, Rule>) {
      in_backend(x, output, form, z, work, observer);
    } else if constexpr (NeedsNorms && N >= 2 && std::same_as<Z, NoiseDraw>) {
      X& drawn = work[N - 1];
      assign(drawn, {}, NoiseTerm{1, z});
      on_host(x, output, form, std::as_const(drawn), work, observer);
    } else {
      on_host(x, output, form, z, work, observer);
    }
  }

 private:
  template <class X, class O>
  static constexpr bool watched = watches_corrections<std::remove_reference_t<O>, X>;

  template <State X, std::size_t N, class Z, class O>
  void on_host(X& x, const X& output, ScoreForm form, const Z& z, Workspace<X, N>& work,
               O& observer) const {
    const std::span<double> scores = work.row(score_norm), noises = work.row(noise_norm);
    if constexpr (NeedsNorms || watched<X, O>) {
      const std::array<Term<X>, 2> score{Term<X>{form.state, &x}, {form.output, &output}};
      backend(x).norms(std::span<const Term<X>>(score), scores);
      detail::noise_norms(z, x, noises);
    }
    const bool per_sample = NeedsNorms && scope == Scope::per_sample;
    const Norms batch = NeedsNorms && !per_sample ? Norms{mean(scores), mean(noises)} : Norms{};
    if (per_sample) {
      const SampleCoefficients rows{work.row(state_row), work.row(output_row), work.row(noise_row)};
      fill_coefficients(rule, t, form, scores, noises, rows);
      assign(x, {{rows.state, x}, {rows.output, output}}, {rows.noise, z});
    } else {
      scoresde::update(x, output, form, coefficients(rule, t, batch), z);
    }
    if constexpr (watched<X, O>) report(per_sample, batch, x, work, observer);
  }

  template <State X, std::size_t N, class Z, class O>
  void in_backend(X& x, const X& output, ScoreForm form, const Z& z, Workspace<X, N>& work,
                  O& observer) const {
    std::span<double> scores, noises;
    if constexpr (watched<X, O>) scores = work.row(score_norm), noises = work.row(noise_norm);
    backend(x).correct(x, output, form, z, rule, scope, scores, noises);
    if constexpr (watched<X, O>)
      report(scope == Scope::per_sample, Norms{mean(scores), mean(noises)}, x, work, observer);
  }

  /// Notifies the observer of a step whose size was computed from per-sample norms or batch means.
  template <State X, std::size_t N, class O>
  void report(bool per_sample, Norms batch, const X& x, Workspace<X, N>& work, O& observer) const {
    const std::span<double> scores = work.row(score_norm), noises = work.row(noise_norm);
    const std::span<double> sizes = work.row(state_row), ratios = work.row(output_row);
    for (std::size_t k = 0; k < scores.size(); ++k) {
      const StepCoefficients step = rule(per_sample ? Norms{scores[k], noises[k]} : batch);
      const double noise = step.noise * noises[k];
      sizes[k] = step.score;
      ratios[k] = noise != 0 ? step.score * scores[k] / noise : 0;
    }
    observer.on_correction(CorrectionStep{t, scores, noises, sizes, ratios}, x);
  }
};

/// The scope of a corrector's norms; not used if `needs_norms` is false.
template <class C>
[[nodiscard]] Scope scope_of(const C& corrector) {
  if constexpr (C::needs_norms)
    return corrector.scope;
  else
    return Scope::per_sample;
}

}  // namespace detail

/// States of the workspace that `correct` requires: the model's output, and the noise if its norm
/// is required before it is added.
template <class C>
inline constexpr std::size_t corrector_buffers = C::needs_norms ? 2 : 1;

/// One corrector step at time t. `output` holds F(x, t), which `form` converts to the score; z is a
/// NoiseDraw or a state. With Scope::per_sample every sample has its own step size; with
/// Scope::batch the means of the norms set one for all. If the norm of a draw is required, the draw
/// is stored in the workspace's last state if there are two or more states, and generated twice
/// otherwise.
template <class S, class C, State X, std::size_t N, class Z, class O = NoObserver>
void correct(const S& sde, const C& corrector, double t, X& x, const X& output, ScoreForm form,
             const Z& z, Workspace<X, N>& work, O&& observer = O{}) {
  static_assert(Corrector<C, S>);
  using Rule = decltype(corrector.rule(sde, t));
  const detail::CorrectorStep<C::needs_norms, Rule> step{corrector.rule(sde, t),
                                                         detail::scope_of(corrector), t};
  step(x, output, form, z, work, observer);
}

}  // namespace scoresde
