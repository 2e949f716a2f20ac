// SPDX-License-Identifier: MIT
/// SDEdit: a sampler that starts from an image with noise at t₀ < T.
///
///   x ← mean(t₀) x + std(t₀) z,   then the sampler from t₀ to the data
///
/// Meng et al. 2022 (arXiv:2108.01073), algorithm 1. t₀ is where the sampler's grid begins: the
/// smaller, the closer the result is to the image.
#pragma once

#include <scoresde/inverse/linear_operator.hpp>
#include <scoresde/observer/observer.hpp>
#include <scoresde/sampler/sampler.hpp>
#include <scoresde/sde/sde.hpp>
#include <scoresde/state/workspace.hpp>

namespace scoresde {

/// x ← mean(t) x + std(t) z: the image x at time t. z is a NoiseDraw or a state.
template <Sde S, State X, class Z>
void add_noise(const S& sde, double t, X& x, const Z& z) {
  const MarginalProb p = sde.marginal_prob(t);
  assign(x, {{p.mean, x}}, {p.std, z});
}

/// Carries the image x to time t₀ by draw 0, and by the sampler back to the data. Makes a
/// workspace. Throws Error for a sampler that begins at T, where the image is lost in the noise,
/// and as the sampler's integrate does.
template <class Sampler, class M, State X, class N, class O = NoObserver>
SamplerStatistics sdedit(const Sampler& sampler, M&& model, X& x, const N& noise,
                         O&& observer = O{}) {
  double begin = 0;
  if constexpr (requires { sampler.grid(); })
    begin = sampler.grid().front().t;
  else
    begin = sampler.span().t;
  require(begin < sampler.sde().t_max(), "sdedit: the sampler begins at t = ", begin,
          "; it must begin below T = ", sampler.sde().t_max());
  add_noise(sampler.sde(), begin, x, noise.draw(0));
  Workspace<X, Sampler::buffers> work(x);
  return sampler.integrate(model, x, noise, work, observer);
}

}  // namespace scoresde
