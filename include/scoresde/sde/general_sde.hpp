// SPDX-License-Identifier: MIT
/// GeneralSde: an Itô diffusion with elementwise drift and diffusion functions of the state.
///
///   dx_e = f_e(x_e, t) dt + g_e(x_e, t) dw_e
///
/// Song et al. 2021 (arXiv:2011.13456), appendix A, eq. 15, with a diagonal G. Such an SDE has no
/// closed-form marginal, so predictors, correctors, fast solvers and losses require an Sde
/// (sde/sde.hpp) instead. Simulation, ReverseSimulation and GeneralProbabilityFlow take a
/// GeneralSde.
#pragma once

#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>

#include <scoresde/sde/sde.hpp>
#include <scoresde/time/time_grid.hpp>

namespace scoresde {

namespace detail {

/// A function of (x, t), or of (x, t, element).
template <class F>
concept IndexedTerm = std::is_invocable_r_v<double, const F&, double, double, std::size_t>;
template <class F>
concept ElementTerm = IndexedTerm<F> || std::is_invocable_r_v<double, const F&, double, double>;

template <class S, class... Args>
concept CallsDrift = requires(const S& sde, Args... args) {
  sde.drift(args...);
};
template <class S, class... Args>
concept CallsDiffusion = requires(const S& sde, Args... args) {
  sde.diffusion(args...);
};
template <class S, class... Args>
concept CallsDerivative = requires(const S& sde, Args... args) {
  sde.diffusion_derivative(args...);
};

/// Members of (x, t) or of (x, t, element).
template <class S>
concept HasDrift = CallsDrift<S, double, double> || CallsDrift<S, double, double, std::size_t>;
template <class S>
concept HasDiffusion =
    CallsDiffusion<S, double, double> || CallsDiffusion<S, double, double, std::size_t>;
template <class S>
concept HasDerivative =
    CallsDerivative<S, double, double> || CallsDerivative<S, double, double, std::size_t>;

template <class S>
concept HasPriorMean = requires(const S& sde) {
  sde.prior_mean();
};

}  // namespace detail

/// The equation of element e of every sample, with the same interface for both signatures of a
/// term.
template <class S>
struct ElementProcess {
  const S* sde;
  std::size_t element;

  [[nodiscard]] double drift(double x, double t) const requires detail::HasDrift<S> {
    if constexpr (requires { sde->drift(x, t, element); })
      return sde->drift(x, t, element);
    else
      return sde->drift(x, t);
  }
  [[nodiscard]] double diffusion(double x, double t) const requires detail::HasDiffusion<S> {
    if constexpr (requires { sde->diffusion(x, t, element); })
      return sde->diffusion(x, t, element);
    else
      return sde->diffusion(x, t);
  }
  [[nodiscard]] double diffusion_derivative(double x,
                                            double t) const requires detail::HasDerivative<S> {
    if constexpr (requires { sde->diffusion_derivative(x, t, element); })
      return sde->diffusion_derivative(x, t, element);
    else
      return sde->diffusion_derivative(x, t);
  }
};

/// drift(x, t) and diffusion(x, t) of one element, or drift(x, t, e) and diffusion(x, t, e) with
/// the element's index e in the sample; scalars in, a scalar out. Optional members, used if
/// present: diffusion_derivative (below), prior_std(), prior_mean() and t_max() as in Sde.
template <class S>
concept GeneralSde = std::copy_constructible<S> &&
    requires(const ElementProcess<S>& process, double x, double t) {
  { process.drift(x, t) } -> std::same_as<double>;      // f, in units of x over time
  { process.diffusion(x, t) } -> std::same_as<double>;  // g, in units of x over √time
};

/// diffusion_derivative(x, t) or (x, t, e) is ∂g/∂x, required by Milstein's scheme, stochastic Heun
/// and reverse-time sampling. It is 0 for additive noise.
template <class S>
concept GeneralSdeWithDerivative = GeneralSde<S> &&
    requires(const ElementProcess<S>& process, double x, double t) {
  { process.diffusion_derivative(x, t) } -> std::same_as<double>;
};

namespace detail {

/// The type of a derivative that was not given.
struct NoDerivative {};

template <ElementTerm F>
[[nodiscard]] double value_of(const F& term, double x, double t, std::size_t e) {
  if constexpr (IndexedTerm<F>)
    return term(x, t, e);
  else
    return term(x, t);
}

}  // namespace detail

/// A GeneralSde built from functions: FunctionSde(f, g) or FunctionSde(f, g, ∂g/∂x), each of (x, t)
/// or (x, t, element).
template <class F, class G, class D = detail::NoDerivative>
class FunctionSde {
  static_assert(detail::ElementTerm<F> && detail::ElementTerm<G>,
                "FunctionSde: drift and diffusion must be functions of (x, t) or of (x, t, element)"
                " that return a number");
  static_assert(detail::ElementTerm<D> || std::same_as<D, detail::NoDerivative>,
                "FunctionSde: the derivative of the diffusion must be a function of (x, t) or of "
                "(x, t, element) that returns a number");

 public:
  FunctionSde(F drift, G diffusion, D diffusion_derivative = {})
      : drift_(std::move(drift)),
        diffusion_(std::move(diffusion)),
        derivative_(std::move(diffusion_derivative)) {}

  [[nodiscard]] double drift(double x, double t, std::size_t e) const {
    return detail::value_of(drift_, x, t, e);
  }
  [[nodiscard]] double diffusion(double x, double t, std::size_t e) const {
    return detail::value_of(diffusion_, x, t, e);
  }
  [[nodiscard]] double diffusion_derivative(double x, double t,
                                            std::size_t e) const requires detail::ElementTerm<D> {
    return detail::value_of(derivative_, x, t, e);
  }

 private:
  F drift_;
  G diffusion_;
  D derivative_;
};

/// A linear SDE as a general one with terms f(t)·x and g(t), for comparing the two kinds. The
/// coefficients are recomputed for every element.
template <class S>
class AsGeneralSde {
  static_assert(Sde<S>,
                "AsGeneralSde: the argument is not a linear SDE; it needs drift(t), diffusion(t), "
                "marginal_prob(t) returning MarginalProb, prior_std(), t_min() and t_max()");

 public:
  explicit AsGeneralSde(S sde) : sde_(std::move(sde)) {}

  [[nodiscard]] double drift(double x, double t) const { return sde_.drift(t) * x; }
  [[nodiscard]] double diffusion(double, double t) const { return sde_.diffusion(t); }
  [[nodiscard]] double diffusion_derivative(double, double) const { return 0; }
  [[nodiscard]] double prior_std() const { return sde_.prior_std(); }
  [[nodiscard]] auto prior_mean() const requires detail::HasPriorMean<S> {
    return sde_.prior_mean();
  }
  [[nodiscard]] double t_min() const { return sde_.t_min(); }
  [[nodiscard]] double t_max() const { return sde_.t_max(); }

 private:
  S sde_;
};

/// The SDE provides the standard deviation of its prior N(0, prior_std²).
template <class S>
concept HasPrior = requires(const S& sde) {
  { sde.prior_std() } -> std::same_as<double>;
};

/// Throws Error if the grid leaves [0, T], for an SDE that has a T.
template <GeneralSde S>
void require_times(const char* sampler, const S& sde, const TimeGrid& grid) {
  if constexpr (requires { sde.t_max(); })
    for (const double t : {grid.front().t, grid.back().t_next})
      require(t >= 0 && t <= sde.t_max(), sampler, ": the grid reaches t = ", t,
              "; it must lie in [0, T] with T = ", sde.t_max());
}

}  // namespace scoresde
