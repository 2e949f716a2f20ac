// SPDX-License-Identifier: MIT
/// FinalStep: how a run to the data ends, the same parameter in every sampler.
///
///   denoise:             x ← (x + std²·∇log p_t(x))/mean = E[x₀ | x_t = x]
///   reverse_diffusion:   the mean of one step of length T/N down the SDE's own discrete chain
///
/// Efron 2011 (Tweedie's formula); Jolicoeur-Martineau et al. 2020 (arXiv:2009.05475).
#pragma once

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <string>

#include <scoresde/predictor/reverse_diffusion.hpp>
#include <scoresde/sampler/sampler.hpp>

namespace scoresde {

enum class FinalStep {
  /// The run ends at the grid's last time, with the noise that p_t has there.
  keep_noise,
  /// The last step is taken without its noise, as in score_sde's predictor-corrector sampler.
  drop_last_noise,
  /// The last step goes to noise-free data instead of the grid's last time, without an additional
  /// evaluation.
  to_data,
  /// One additional evaluation predicts the data from the last time (Tweedie's formula).
  denoise,
  /// One additional evaluation for the last step of score_sde's ODE sampler. Requires an SDE with
  /// training_steps() and discretize().
  reverse_diffusion
};

/// The enumerator's name.
[[nodiscard]] constexpr const char* name_of(FinalStep step) {
  constexpr const char* names[]{"keep_noise", "drop_last_noise", "to_data", "denoise",
                                "reverse_diffusion"};
  return names[static_cast<int>(step)];
}

/// Throws Error for a final step that the sampler does not support, and for any except keep_noise
/// where time increases.
inline void require_final_step(const char* sampler, FinalStep found,
                               std::initializer_list<FinalStep> accepted, TimeStep span) {
  std::string names;
  for (const FinalStep step : accepted)
    names += std::string(names.empty() ? "" : ", ") + name_of(step);
  require(std::find(accepted.begin(), accepted.end(), found) != accepted.end(), sampler,
          ": final_step is ", name_of(found), "; it must be one of ", names);
  require(found == FinalStep::keep_noise || span.t_next < span.t, sampler, ": final_step is ",
          name_of(found), " and the run goes from t = ", span.t, " up to ", span.t_next,
          "; this final step requires a run to the data, so use FinalStep::keep_noise");
}

/// The SDE was trained as a discrete chain, whose steps discretize() returns.
template <class S>
concept HasDiscreteChain = requires(const S& sde, TimeStep step) {
  sde.training_steps();
  { sde.discretize(step) } -> std::same_as<Transition>;
};

/// The evaluation after the last step: x ← state·x + score·∇log p_t(x).
class FinalEvaluation {
 public:
  FinalEvaluation() = default;

  /// Computes the step for `denoise` and `reverse_diffusion` at time t. For the other values, and
  /// where p_t has no noise, nothing is evaluated. Throws Error for an SDE without a discrete
  /// chain, or whose chain has no step down from t.
  template <class S>
  FinalEvaluation(const char* sampler, const S& sde, FinalStep final_step, double t) : t_(t) {
    if (final_step == FinalStep::denoise) {
      const MarginalProb p = sde.marginal_prob(t);
      step_ = {1 / p.mean, p.std * p.std / p.mean, 0};
      wanted_ = p.std > 0;
    } else if (final_step == FinalStep::reverse_diffusion) {
      require(HasDiscreteChain<S>, sampler,
              ": final_step is reverse_diffusion, but the SDE has no "
              "discrete chain, training_steps() and discretize(); use FinalStep::denoise");
      if constexpr (HasDiscreteChain<S>) {
        const double h = sde.t_max() / static_cast<double>(sde.training_steps());
        step_ = without_noise(ReverseDiffusion{}.coefficients(sde, TimeStep{t, t - h}));
        wanted_ = true;
      }
    }
  }

  [[nodiscard]] bool wanted() const { return wanted_; }
  [[nodiscard]] double t() const { return t_; }

  /// Overwrites `output`.
  template <class M, State X>
  void operator()(M& model, X& x, X& output) const {
    model.evaluate(x, t_, output);
    update(x, output, model.score_form(t_), step_, NoiseDraw{});
  }

 private:
  bool wanted_ = false;
  double t_ = 0;
  StepCoefficients step_{};
};

}  // namespace scoresde
