// SPDX-License-Identifier: MIT
/// The initial state of a run: a draw from the prior at T, or from the marginal at an earlier time.
///
///   t = T:  N(prior_mean, prior_std² I),   t < T:  N(mean(t)/mean(T)·prior_mean, std(t)² I)
///
/// The second is p_t for data concentrated at their mean: it omits the term mean(t)²·Cov[x₀] of the
/// covariance, as p_T ≈ N(0, std(T)² I) does at T. Song et al. 2021 (arXiv:2011.13456), eq. 29; the
/// initial N(0, σ(t₀)² s(t₀)² I) of Karras et al. 2022 (arXiv:2206.00364), algorithm 1, is the
/// same.
#pragma once

#include <cstddef>
#include <limits>
#include <span>
#include <type_traits>

#include <scoresde/error.hpp>
#include <scoresde/sampler/sampler.hpp>
#include <scoresde/sde/sde.hpp>
#include <scoresde/state/backend.hpp>
#include <scoresde/state/elementwise.hpp>

namespace scoresde {

/// x ← std·z: a draw from a prior with mean 0.
template <State X>
void draw_prior(X& x, double std, NoiseDraw z) {
  assign(x, {}, NoiseTerm{std, z});
}
template <State X>
void draw_prior(X& x, double std, const X& z) {
  assign(x, {{std, z}});
}

/// Whether a run can begin with noise at t: at T, and below T where mean(t) ≤ std(t)/3. Data of
/// variance 1 then lose at most 5 % of their standard deviation, 1 − 1/√(1 + 1/9).
template <class S>
[[nodiscard]] bool begins_with_noise(const S& sde, double t) {
  if (t >= sde.t_max()) return true;
  const auto p = sde.marginal_prob(t);
  return p.mean <= p.std / 3;
}

namespace detail {

/// factor·mean + scale·z. `stride` is 0 if all elements have the same mean.
struct PriorElement {
  const double* mean;
  std::size_t stride;
  double factor;
  double scale;

  template <class T>
  T operator()(ElementIndex at, T z) const {
    return static_cast<T>(factor * mean[stride * at.element]) + static_cast<T>(scale) * z;
  }
};

[[nodiscard]] inline std::span<const double> one_or_more(const double& value) {
  return {&value, 1};
}
[[nodiscard]] inline std::span<const double> one_or_more(std::span<const double> values) {
  return values;
}

}  // namespace detail

/// out ← factor·prior_mean + scale·z, with z a NoiseDraw or a state; out may be z. Requires a
/// backend with transform. Throws Error if the prior mean and out differ in dimension.
template <class S, State X, class Z>
requires requires(const S& sde) { sde.prior_mean(); }
void assign_around_prior_mean(const S& sde, X& out, double factor, double scale, const Z& z) {
  static_assert(
      requires { detail::one_or_more(sde.prior_mean()); },
      "prior mean: prior_mean() must return a double or std::span<const double>");
  static_assert(ElementwiseState<X>,
                "prior mean: the SDE has a prior_mean, which the state's backend cannot add; it "
                "needs transform(out, f, inputs...) (scoresde/state/elementwise.hpp)");
  const auto kept = sde.prior_mean();
  const std::span<const double> mean = detail::one_or_more(kept);
  const std::size_t dim = extents(out).dim;
  require(mean.size() == 1 || mean.size() == dim, "prior mean: it has ", mean.size(),
          " elements and the state ", dim, "; 1 or as many are needed");
  const std::size_t stride = mean.size() == 1 ? 0 : 1;
  backend(out).transform(out, detail::PriorElement{mean.data(), stride, factor, scale}, z);
}

namespace detail {

/// The initial distribution N(mean·prior_mean, std²) of a run from t: the prior at T, p_t below T.
/// Throws Error if it is not known.
template <class S>
[[nodiscard]] MarginalProb prior_at(const S& sde, double t) {
  if constexpr (requires { sde.t_max(); })
    if (t < sde.t_max()) {
      if constexpr (requires { sde.marginal_prob(t).mean, sde.marginal_prob(t).std; }) {
        const auto p = sde.marginal_prob(t);
        require(begins_with_noise(sde, t), "sample: the run begins at t = ", t, ", where mean is ",
                p.mean, " and std ", p.std,
                "; noise can be drawn only where mean <= std/3, so fill x with noised data and "
                "call integrate");
        return {p.mean / sde.marginal_prob(sde.t_max()).mean, p.std};
      } else {
        require(false, "sample: the run begins at t = ", t, ", where the SDE has no prior; start ",
                "at T = ", sde.t_max(), ", or fill x and call integrate");
      }
    }
  return {1, sde.prior_std()};
}

}  // namespace detail

/// x ← a draw from the initial distribution of a run from time t; its mean is 0 if the SDE has no
/// prior_mean. z is a NoiseDraw or a state. Throws Error if t is below T and mean(t) > std(t)/3,
/// if t is below T for an SDE without marginal_prob, and if the prior mean and x differ in
/// dimension.
template <class S, State X, class Z>
void draw_prior(const S& sde, double t, X& x, const Z& z) {
  const MarginalProb prior = detail::prior_at(sde, t);
  if constexpr (requires { sde.prior_mean(); })
    assign_around_prior_mean(sde, x, prior.mean, prior.std, z);
  else
    draw_prior(x, prior.std, z);
}

/// x ← prior_mean + prior_std·z: the initial state of a run from T.
template <class S, class X, class Z>
requires(!std::is_arithmetic_v<X>) void draw_prior(const S& sde, X& x, const Z& z) {
  static_assert(StateArgument<X>::checked);
  draw_prior(sde, std::numeric_limits<double>::infinity(), x, z);
}

}  // namespace scoresde
