// SPDX-License-Identifier: MIT
/// Latent codes: data as points of the prior, and edits of these points.
///
///   z = x(T) of the probability flow from x(ε) = x;   decode(encode(x)) = x with keep_noise
///   spherical interpolation   sin((1−w)θ)/sin θ·a + sin(wθ)/sin θ·b,   cos θ = ⟨a, b⟩/(‖a‖‖b‖)
///   temperature               μ + τ·(z − μ),   μ the prior mean
///   correlation               ⟨a, b⟩/(‖a‖‖b‖)
///
/// Song et al. 2021 (arXiv:2011.13456), section 4.3 and appendix D.2; Shoemake 1985 for the
/// interpolation, which keeps the norm that points of the prior have.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include <scoresde/not_deduced.hpp>
#include <scoresde/sampler/prior.hpp>
#include <scoresde/score/score_model.hpp>
#include <scoresde/state/select_samples.hpp>
#include <scoresde/state/workspace.hpp>

namespace scoresde {

/// A deterministic sampler that runs both ways, as ProbabilityFlow does. decode inverts encode if
/// the sampler's final step is FinalStep::keep_noise.
template <class F, class M, class X>
concept InvertibleSampler = State<X> &&
    requires(const F& flow, M& model, X& x, Workspace<X, F::buffers>& work) {
  flow.encode(model, x, work);
  flow.decode(model, x, work);
};

namespace detail {

/// True for arguments of the form encode(sampler, model, x).
template <class... A>
inline constexpr bool is_code_call = false;
template <class F, class M, State X>
inline constexpr bool is_code_call<F, M, X&> = !std::is_const_v<X>;

}  // namespace detail

/// x ← its latent code. Makes a workspace; returns what flow.encode returns. Throws Error as that.
template <class F, class M, State X>
auto encode(const F& flow, M&& model, X& x) {
  static_assert(InvertibleSampler<F, M, X>,
                "encode: the sampler does not run both ways; it needs encode(model, x, work) and "
                "decode(model, x, work), as ProbabilityFlow has");
  Workspace<X, F::buffers> work(x);
  return flow.encode(model, x, work);
}

/// Does not compile.
template <class... A>
requires(!detail::is_code_call<A...>) auto encode(A&&...) {
  static_assert(
      never<A...>,
      "encode: it takes (sampler, model, x): a sampler that runs both ways, as ProbabilityFlow, a "
      "model and a variable x, a state that is not const, which becomes the result");
}

/// z ← the data of the latent code z. Makes a workspace. Throws Error as flow.decode.
template <class F, class M, State X>
auto decode(const F& flow, M&& model, X& z) {
  static_assert(InvertibleSampler<F, M, X>,
                "decode: the sampler does not run both ways; it needs encode(model, x, work) and "
                "decode(model, x, work), as ProbabilityFlow has");
  Workspace<X, F::buffers> work(z);
  return flow.decode(model, z, work);
}

/// Does not compile.
template <class... A>
requires(!detail::is_code_call<A...>) auto decode(A&&...) {
  static_assert(
      never<A...>,
      "decode: it takes (sampler, model, x): a sampler that runs both ways, as ProbabilityFlow, a "
      "model and a variable x, a state that is not const, which becomes the result");
}

/// out[k] ← the point at fraction w of the arc from a[k] to b[k], each sample with its own angle;
/// `out` may be a or b. Codes of a prior with a mean should have it subtracted. Throws Error for
/// different extents, a weight that is not finite, points at 0, and opposite points, between which
/// the arc is not defined.
template <State X>
void spherical_interpolation(const X& a, const X& b, double w, X& out) {
  const std::size_t samples = extents(a).samples;
  require(extents(b) == extents(a) && extents(out) == extents(a), "spherical interpolation: a has ",
          samples, " samples of dimension ", extents(a).dim, " and b ", extents(b).samples,
          " of dimension ", extents(b).dim, "; both and the result must have the same");
  require(std::isfinite(w), "spherical interpolation: w is ", w, "; it must be finite");
  std::vector<double> of_a(samples), of_b(samples), product(samples);
  backend(a).inner(a, a, of_a);
  backend(a).inner(b, b, of_b);
  backend(a).inner(a, b, product);
  for (std::size_t k = 0; k < samples; ++k) {
    require(of_a[k] > 0 && of_b[k] > 0, "spherical interpolation: a point of sample ", k,
            " is 0; it must have a direction");
    const double cosine = std::clamp(product[k] / std::sqrt(of_a[k] * of_b[k]), -1.0, 1.0);
    const double angle = std::acos(cosine), sine = std::sin(angle);
    require(sine > 1e-7 || cosine > 0, "spherical interpolation: the points of sample ", k,
            " are opposite; the arc between them is not defined");
    of_a[k] = sine > 1e-7 ? std::sin((1 - w) * angle) / sine : 1 - w;
    of_b[k] = sine > 1e-7 ? std::sin(w * angle) / sine : w;
  }
  assign(out, {{of_a, a}, {of_b, b}});
}

/// z ← μ + τ·(z − μ): below 1 the decoded data are closer to the modes, at 1 they are unchanged.
/// Throws Error unless τ is finite and nonnegative.
template <class S, State X>
void apply_temperature(const S& sde, double tau, X& z) {
  require(std::isfinite(tau) && tau >= 0, "temperature: tau is ", tau,
          "; it must be finite and nonnegative");
  if constexpr (requires { sde.prior_mean(); })
    assign_around_prior_mean(sde, z, 1 - tau, tau, z);
  else
    assign(z, {{tau, z}});
}

/// The correlations of two sets of codes of the same data.
struct CodeCorrelations {
  std::vector<double> same;  ///< of sample k in a and in b
  std::vector<double>
      unrelated;  ///< of sample k in a and the next one in b, the first after the last
};

/// How far two models agree on the codes of data, which the data alone determine (Song et al. 2021,
/// section 4.3: uniquely identifiable encoding). Codes of a prior with a mean should have it
/// subtracted. Throws Error for different extents, fewer than two samples, and codes at 0.
template <SelectableState X>
[[nodiscard]] CodeCorrelations code_correlations(const X& a, const X& b) {
  const std::size_t samples = extents(a).samples;
  require(extents(b) == extents(a) && samples >= 2, "code correlations: a has ", samples,
          " samples of dimension ", extents(a).dim, " and b ", extents(b).samples, " of dimension ",
          extents(b).dim, "; both must have the same, at least 2");
  std::vector<std::uint32_t> next(samples);
  for (std::size_t k = 0; k < samples; ++k) next[k] = static_cast<std::uint32_t>((k + 1) % samples);
  X others = backend(b).make_like(b);
  select_samples(others, b, std::span<const std::uint32_t>(next));
  CodeCorrelations result{std::vector<double>(samples), std::vector<double>(samples)};
  std::vector<double> of_a(samples), of_b(samples);
  backend(a).inner(a, a, of_a);
  backend(a).inner(b, b, of_b);
  backend(a).inner(a, b, result.same);
  backend(a).inner(a, others, result.unrelated);
  for (std::size_t k = 0; k < samples; ++k) {
    require(of_a[k] > 0 && of_b[k] > 0, "code correlations: a code of sample ", k,
            " is 0; it must have a direction");
    result.same[k] /= std::sqrt(of_a[k] * of_b[k]);
    result.unrelated[k] /= std::sqrt(of_a[k] * of_b[next[k]]);
  }
  return result;
}

}  // namespace scoresde
