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

#include <scoresde/noise/noise_source.hpp>
#include <scoresde/predictor/predictor.hpp>
#include <scoresde/sampler/run_arguments.hpp>
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
