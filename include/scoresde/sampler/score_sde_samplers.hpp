// SPDX-License-Identifier: MIT
/// The samplers of Song et al. 2021, table 1, under the names used there.
///
///   P1000, P2000   a predictor alone, in 1000 or 2000 steps
///   C2000          a corrector alone, two steps at each of 1000 times
///   PC1000         both, in 1000 steps of each
///
/// Song et al. 2021 (arXiv:2011.13456), table 1. The corrector is Langevin dynamics (algorithms 4
/// and 5) with the signal-to-noise ratios of table 5. P1000 takes 1000 evaluations, the others
/// 2000.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <string_view>
#include <utility>

#include <scoresde/corrector/langevin.hpp>
#include <scoresde/error.hpp>
#include <scoresde/predictor/ancestral.hpp>
#include <scoresde/predictor/no_predictor.hpp>
#include <scoresde/predictor/reverse_diffusion.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/time/time_grid.hpp>

namespace scoresde {

/// Steps, predictor and corrector of one name.
struct ScoreSdeSampler {
  std::string_view name;
  std::size_t steps = 0;
  bool predicts = true;
  int corrections = 0;  ///< corrector steps per step

  [[nodiscard]] constexpr std::size_t nfe() const {
    return steps * ((predicts ? 1u : 0u) + static_cast<std::size_t>(corrections));
  }
};

inline constexpr ScoreSdeSampler score_sde_p1000{"P1000", 1000, true, 0};
inline constexpr ScoreSdeSampler score_sde_p2000{"P2000", 2000, true, 0};
inline constexpr ScoreSdeSampler score_sde_c2000{"C2000", 1000, false, 2};
inline constexpr ScoreSdeSampler score_sde_pc1000{"PC1000", 1000, true, 1};
inline constexpr std::array<ScoreSdeSampler, 4> score_sde_samplers{
    score_sde_p1000, score_sde_p2000, score_sde_c2000, score_sde_pc1000};

/// The sampler of that name. Throws Error if there is none.
[[nodiscard]] inline const ScoreSdeSampler& score_sde_sampler(std::string_view name) {
  for (const ScoreSdeSampler& sampler : score_sde_samplers)
    if (sampler.name == name) return sampler;
  throw Error(scoresde::text("score_sde sampler: there is no '", name,
                             "'; there are P1000, P2000, C2000 and PC1000"));
}

/// The signal-to-noise ratio of Langevin dynamics in table 5, by predictor. The SDE is variance
/// exploding if the mean of p(x_t | x_0) is x_0 at all times:
///
///   predictor           variance exploding   otherwise
///   reverse diffusion   0.16                 0.01         (and predictors not listed here)
///   Ancestral           0.17                 0.01
///   probability flow    0.17                 0.04         (.probability_flow = true)
///   none (C2000)        0.22                 0.27
template <Sde S, class P = ReverseDiffusion>
[[nodiscard]] double score_sde_snr(const S& sde, const ScoreSdeSampler& sampler,
                                   [[maybe_unused]] const P& predictor = {}) {
  const bool explodes = sde.marginal_prob(sde.t_max()).mean == 1;
  if (!sampler.predicts) return explodes ? 0.22 : 0.27;
  if constexpr (requires { predictor.probability_flow; })
    if (predictor.probability_flow) return explodes ? 0.17 : 0.04;
  if (!explodes) return 0.01;
  return std::same_as<P, Ancestral> ? 0.17 : 0.16;
}

/// The corrector of C2000 and PC1000 for this predictor.
template <Sde S, class P = ReverseDiffusion>
[[nodiscard]] Langevin score_sde_corrector(const S& sde, const ScoreSdeSampler& sampler,
                                           const P& predictor = {}) {
  return {.snr = score_sde_snr(sde, sampler, predictor), .steps = sampler.corrections};
}

/// A predictor alone in 1000 equal steps from t_max to t_min.
template <Sde S, class P = ReverseDiffusion>
[[nodiscard]] auto p1000(const S& sde, P predictor = {}) {
  return PredictorCorrector(sde, std::move(predictor), uniform_grid(sde, score_sde_p1000.steps));
}

/// As p1000, in 2000 steps.
template <Sde S, class P = ReverseDiffusion>
[[nodiscard]] auto p2000(const S& sde, P predictor = {}) {
  return PredictorCorrector(sde, std::move(predictor), uniform_grid(sde, score_sde_p2000.steps));
}

/// The Langevin corrector alone.
template <Sde S>
[[nodiscard]] auto c2000(const S& sde) {
  return PredictorCorrector(sde, NoPredictor{}, score_sde_corrector(sde, score_sde_c2000),
                            uniform_grid(sde, score_sde_c2000.steps));
}

/// A predictor and the Langevin corrector.
template <Sde S, class P = ReverseDiffusion>
[[nodiscard]] auto pc1000(const S& sde, P predictor = {}) {
  const Langevin corrector = score_sde_corrector(sde, score_sde_pc1000, predictor);
  return PredictorCorrector(sde, std::move(predictor), corrector,
                            uniform_grid(sde, score_sde_pc1000.steps));
}

}  // namespace scoresde
