// SPDX-License-Identifier: MIT
/// Corrector: a step of MCMC at fixed t that leaves p_t invariant.
///
///   x ← x + ε ∇log p_t(x) + √(2ε) z,   ε from the norms of score and noise
///
/// Song et al. 2021 (arXiv:2011.13456), algorithms 4 and 5.
#pragma once

#include <concepts>
#include <type_traits>

#include <scoresde/predictor/predictor.hpp>

namespace scoresde {

/// ‖∇log p_t(x)‖₂ and ‖z‖₂, of one sample or averaged over the batch.
struct Norms {
  double score = 0;
  double noise = 0;
};

/// Whose norms set the step size. Per sample, a picture does not depend on its batch; batch means
/// are Song et al.'s convention.
enum class NormScope { per_sample, batch_mean };

/// Optional members, used when present: validate(), which throws Error for members out of range,
/// and validate(dim), which throws Error for states of a dimension that the corrector is not for.
///
/// rule(sde, t) returns a small trivially copyable functor Norms → StepCoefficients, so that a
/// backend may evaluate it where the norms are. With needs_norms = false no reduction is run and
/// the rule is called once with zero norms; otherwise the corrector has a member `norm_scope`.
template <class C, class S>
concept Corrector = Sde<S> && std::copyable<C> &&
    requires(const C& corrector, const S& sde, double t, Norms norms) {
  { corrector.steps } -> std::convertible_to<int>;
  { C::needs_norms } -> std::convertible_to<bool>;
  { corrector.rule(sde, t)(norms) } -> std::same_as<StepCoefficients>;
  requires std::is_trivially_copyable_v<decltype(corrector.rule(sde, t))>;
};

}  // namespace scoresde
