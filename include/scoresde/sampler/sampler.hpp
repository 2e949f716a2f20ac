// SPDX-License-Identifier: MIT
/// What samplers are made of: their concept, the update, and the noise it takes.
///
///   x ← a·x + b·(p·x + q·F) + c·z   in one pass: (a + b p)·x + (b q)·F + c·z
///
/// The number of a draw says what it is for: draw 0 is the prior, 1, 2, … are consumed in order,
/// one by each predictor update (the last too, and the probability flow's, though their noise is
/// not used) and one by each corrector step. Absent predictors and correctors consume none.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include <scoresde/predictor/predictor.hpp>
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
    require(index < draws.size(), "recorded noise: draw ", index, " is wanted and ", draws.size(),
            " are recorded");
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

/// Throws the Error of a state that is not finite at since.t_next and was finite at since.t.
[[noreturn]] inline void throw_not_finite(const char* sampler, std::size_t k, TimeStep since) {
  throw Error(scoresde::text(
      sampler, ": the state of sample ", k, " is not finite at t = ", since.t_next,
      "; it became so since t = ", since.t, ", by the model's output or by a step too long"));
}

/// x ← step.state·x + step.score·(form.state·x + form.output·output) + step.noise·z.
/// z is a NoiseDraw or a state.
template <State X, class Z>
void update(X& x, const X& output, ScoreForm form, StepCoefficients step, const Z& z) {
  assign(x, {{step.state + step.score * form.state, x}, {step.score * form.output, output}},
         {step.noise, z});
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

}  // namespace detail
}  // namespace scoresde
