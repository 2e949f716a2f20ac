// SPDX-License-Identifier: MIT
/// What a sampler does with x at its last time, where noise is still in it.
///
///   tweedie:             x ← (x + std²·∇log p_t(x))/mean = E[x₀ | x_t = x]
///   reverse diffusion:   the mean of one step down the SDE's own discrete chain
///
/// Efron 2011 (Tweedie's formula); Jolicoeur-Martineau et al. 2020 (arXiv:2009.05475).
#pragma once

#include <concepts>

#include <scoresde/predictor/reverse_diffusion.hpp>
#include <scoresde/sampler/sampler.hpp>

namespace scoresde {

/// What is done with x at the last time.
enum class FinalDenoise {
  none,
  /// x ← (x + std²·∇log p_t(x))/mean, the posterior mean of the data (Tweedie's formula).
  tweedie,
  /// The mean of one reverse-diffusion step of length 1/N down the SDE's own discrete chain, as
  /// score_sde's code does; for SDEs with training_steps() and discretize().
  reverse_diffusion
};

namespace detail {

template <class S>
concept HasDiscreteChain = requires(const S& sde, TimeStep step) {
  sde.training_steps();
  { sde.discretize(step) } -> std::same_as<Transition>;
};

/// Throws Error for reverse_diffusion where the SDE has no discrete chain.
template <class S>
void check_final_denoise(const char* sampler, FinalDenoise denoise) {
  require(denoise != FinalDenoise::reverse_diffusion || HasDiscreteChain<S>, sampler,
          ": the SDE has no discrete chain to denoise by; use FinalDenoise::tweedie");
}

/// x ← state·x + score·∇log p_t(x). Throws Error where the chain has no step down from t.
template <class S>
[[nodiscard]] StepCoefficients denoising_step(const S& sde, double t, FinalDenoise how) {
  if constexpr (HasDiscreteChain<S>) {
    const double h = sde.t_max() / static_cast<double>(sde.training_steps());
    if (how == FinalDenoise::reverse_diffusion)
      return without_noise(ReverseDiffusion{}.coefficients(sde, TimeStep{t, t - h}));
  }
  const MarginalProb p = sde.marginal_prob(t);
  return {1 / p.mean, p.std * p.std / p.mean, 0};
}

/// The same, and throws Error where the chain has no step down from t, the last time of a run.
template <class S>
void check_final_denoise(const char* sampler, const S& sde, FinalDenoise how, double t) {
  check_final_denoise<S>(sampler, how);
  if (how != FinalDenoise::none) static_cast<void>(denoising_step(sde, t, how));
}

/// Denoises x at time t; `output` is scratch. One evaluation, none for FinalDenoise::none.
template <class S, class M, class X>
void denoise(const S& sde, M& model, X& x, double t, FinalDenoise how, X& output) {
  if (how == FinalDenoise::none) return;
  const StepCoefficients step = denoising_step(sde, t, how);
  model.evaluate(x, t, output);
  update(x, output, model.score_form(t), step, NoiseDraw{});
}

}  // namespace detail
}  // namespace scoresde
