// SPDX-License-Identifier: MIT
/// SDEdit: a sampler that starts from an image with noise at t₀ < T.
///
///   x ← mean(t₀) x + std(t₀) z,   then the sampler from t₀ to the data
///
/// Meng et al. 2022 (arXiv:2108.01073), algorithm 1. t₀ is where the sampler's grid begins: the
/// smaller, the closer the result is to the image.
#pragma once

#include <type_traits>

#include <scoresde/inverse/linear_operator.hpp>
#include <scoresde/not_deduced.hpp>
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

namespace detail {

/// True for arguments of the form sdedit(sampler, model, x, noise, …); one may follow.
template <class... A>
inline constexpr bool is_sdedit_call = false;
template <class S, class M, State X, class N, class... O>
requires requires(const std::remove_reference_t<S>& sampler) {
  sampler.sde();
  std::remove_cvref_t<S>::buffers;
}
inline constexpr bool is_sdedit_call<S, M, X&, N, O...> = !std::is_const_v<X> && sizeof...(O) <= 1;

}  // namespace detail

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

/// Does not compile.
template <class... A>
requires(!detail::is_sdedit_call<A...>) SamplerStatistics sdedit(A&&...) {
  static_assert(never<A...>,
                "sdedit: it takes (sampler, model, x, noise, observer): a sampler that begins "
                "below T, a model, a variable x, a state that is not const, a noise source as "
                "Noise{.seed = 42} and, optionally, an observer");
  return {};
}

}  // namespace scoresde
