// SPDX-License-Identifier: MIT
/// Corrector: an MCMC step at fixed t that leaves p_t invariant.
///
///   x ← x + ε ∇log p_t(x) + √(2ε) z,   ε computed from the norms of score and noise
///
/// Song et al. 2021 (arXiv:2011.13456), algorithms 4 and 5.
#pragma once

#include <concepts>
#include <type_traits>

#include <scoresde/predictor/predictor.hpp>
#include <scoresde/scope.hpp>

namespace scoresde {

/// ‖∇log p_t(x)‖₂ and ‖z‖₂, of one sample or averaged over the batch.
struct Norms {
  double score = 0;
  double noise = 0;
};

/// Optional members, used if present: validate(), which throws Error for members out of range, and
/// validate(dim), which throws Error for states of an unsupported dimension.
///
/// rule(sde, t) returns a small trivially copyable functor Norms → StepCoefficients, which a
/// backend may evaluate on its device. With needs_norms = false no reduction is computed and the
/// rule is called once with zero norms; otherwise the corrector has a member `scope`, the norms
/// that set the step size.
template <class C, class S>
concept Corrector = Sde<S> && std::copyable<C> &&
    requires(const C& corrector, const S& sde, double t, Norms norms) {
  { corrector.steps } -> std::convertible_to<int>;
  { C::needs_norms } -> std::convertible_to<bool>;
  { corrector.rule(sde, t)(norms) } -> std::same_as<StepCoefficients>;
  requires std::is_trivially_copyable_v<decltype(corrector.rule(sde, t))>;
};

}  // namespace scoresde
