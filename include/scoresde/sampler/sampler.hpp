// SPDX-License-Identifier: MIT
/// Definitions shared by all samplers: the Sampler concept, the update, and its noise.
///
///   x ← a·x + b·(p·x + q·F) + c·z   in one pass: (a + b p)·x + (b q)·F + c·z
///
/// The index of a draw states its use: draw 0 is the prior; 1, 2, … are consumed in order, one by
/// each predictor update (including the last one and the probability flow's, whose noise is not
/// used) and one by each corrector step. Absent predictors and correctors consume none.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <scoresde/noise/noise_source.hpp>
#include <scoresde/predictor/predictor.hpp>
#include <scoresde/score/score_model.hpp>
#include <scoresde/state/backend.hpp>
#include <scoresde/state/workspace.hpp>

namespace scoresde {

/// A source whose noise follows a path: draw(index, step) is the standard normal noise of a step,
/// determined by its times (BrownianPath). The prior and correctors use draw(index).
template <class N, class X>
concept TimedNoiseSource = NoiseSource<N, X> &&
    requires(const N& noise, std::uint64_t index, TimeStep step) {
  { noise.draw(index, step) } -> std::same_as<const X&>;
};

/// The counts of one run.
struct SamplerStatistics {
  std::size_t nfe = 0;       ///< evaluations of the model
  std::size_t accepted = 0;  ///< steps taken; summed over samples when each has its own steps
  std::size_t rejected = 0;  ///< attempted steps that were rejected; 0 for fixed steps
};

/// A sampler is a const, stateless value; state, model and noise are arguments of the call.
template <class S, class M, class X, class N>
concept Sampler = requires(const S& sampler, M& model, X& x, const N& noise,
                           Workspace<X, S::buffers>& work) {
  { S::buffers } -> std::convertible_to<std::size_t>;
  { sampler.sample(model, x, noise) } -> std::same_as<SamplerStatistics>;
  { sampler.integrate(model, x, noise, work) } -> std::same_as<SamplerStatistics>;
};

/// Instantiating one of these reports the first argument of a run that is not valid.
template <class X>
struct StateArgument {
  static_assert(!std::is_const_v<X>, "sampler: the state is const; a run writes to it");
  static_assert(std::is_const_v<X> || State<X>,
                "sampler: no Backend is known for this state; specialize scoresde::backend_of with "
                "`static auto of(const X&)`");
  static constexpr bool fits = !std::is_const_v<X> && State<X>;
  static constexpr bool checked = true;
};
/// The workspace of a state, for parameters from which it is not deduced, so that a const state is
/// reported by StateArgument.
template <class X, std::size_t Buffers>
using WorkspaceOf = Workspace<std::remove_const_t<X>, Buffers>;

template <class M, class X>
struct ModelArgument : StateArgument<X> {
  static_assert(!StateArgument<X>::fits || ScoreModel<M, X>,
                "sampler: the model is not a score model for this state; it needs evaluate(const "
                "State& x, double t, State& output) and score_form(double t) returning ScoreForm, "
                "not const, and no overload of evaluate that takes its output by value; "
                "score_function(f) makes one of a function");
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

/// Throws the Error for a state that is not finite at since.t_next and was finite at since.t.
[[noreturn]] inline void throw_not_finite(const char* sampler, std::size_t k, TimeStep since) {
  throw Error(scoresde::text(sampler, ": the state of sample ", k, " is not finite at t = ",
                             since.t_next, "; it was finite at t = ", since.t,
                             ", so the model's output is not finite or a step is too long"));
}

/// x ← step.state·x + step.score·(form.state·x + form.output·output) + step.noise·z.
/// z is a NoiseDraw or a state.
template <State X, class Z>
void update(X& x, const X& output, ScoreForm form, StepCoefficients step, const Z& z) {
  assign(x, {{step.state + step.score * form.state, x}, {step.score * form.output, output}},
         {step.noise, z});
}

/// Calls use(z) with the noise z of a step, selected by its times if the source is timed, by its
/// index otherwise. Noise with coefficient 0 is not requested from a timed source.
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

}  // namespace scoresde
