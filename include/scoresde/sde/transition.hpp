// SPDX-License-Identifier: MIT
/// p(x_t | x_s) of any linear SDE for s < t.
///
///   mean = mean(t)/mean(s),   variance = std(t)² − mean²·std(s)²
///
/// If the SDE defines a discrete chain (`discretize`), that is used instead. For VE the formula
/// gives SMLD's chain, for VP that of DDPM with 1 − β = mean² (Song et al. 2021, appendix E).
#pragma once

#include <algorithm>

#include <scoresde/sde/sde.hpp>

namespace scoresde {

/// The forward transition from step.t_next up to step.t, for a step that decreases t.
template <Sde S>
[[nodiscard]] Transition transition(const S& sde, TimeStep step) {
  if constexpr (requires {
                  { sde.discretize(step) } -> std::same_as<Transition>;
                }) {
    return sde.discretize(step);
  } else {
    const MarginalProb p = sde.marginal_prob(step.t);
    const MarginalProb q = sde.marginal_prob(step.t_next);
    const double mean = p.mean / q.mean;
    const double kept = mean * q.std;
    return {mean, std::max(0.0, (p.std - kept) * (p.std + kept)), p.std, q.std};
  }
}

}  // namespace scoresde
