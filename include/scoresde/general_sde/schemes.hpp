// SPDX-License-Identifier: MIT
/// Pathwise schemes for an Itô SDE dx = f dt + g dw: Milstein, Platen, Heun.
///
///   Milstein:          x ← x + f h + g Δw + ½ g g' (Δw² − h)
///   derivative-free:   x ← x + f h + g Δw + (g(x + f h + g√h) − g)/(2√h) · (Δw² − h)
///   stochastic Heun:   x̃ = x + a h + g Δw,   x ← x + ½(a + a(x̃)) h + ½(g + g(x̃)) Δw,
///                      a = f − ½ g g'
///
/// Kloeden & Platen 1992, Numerical Solution of Stochastic Differential Equations, eq. 10.3.1
/// and 11.1.3. Heun's scheme converges to the Stratonovich solution (Rümelin 1982, SIAM J. Numer.
/// Anal. 19:604); a is the drift whose Stratonovich solution is the Itô solution of f (Kloeden &
/// Platen, section 4.9). With one noise per element, all three have strong order 1. EulerMaruyama
/// (predictor/euler_maruyama.hpp), eq. 10.2.4, has order ½.
#pragma once

#include <cmath>
#include <concepts>

#include <scoresde/predictor/euler_maruyama.hpp>
#include <scoresde/time/time_grid.hpp>

namespace scoresde {
namespace detail {

/// An arbitrary process, used in the concept below; never called.
struct AnyProcess {
  [[nodiscard]] double drift(double, double) const { return 0; }
  [[nodiscard]] double diffusion(double, double) const { return 0; }
  [[nodiscard]] double diffusion_derivative(double, double) const { return 0; }
};

}  // namespace detail

/// scheme.step(process, x, step, dw) returns the element after `step`, dw ~ N(0, |t_next − t|); the
/// process has drift, diffusion and diffusion_derivative of (x, t). Optional `static constexpr
/// bool` members, false by default: needs_derivative; looks_ahead for schemes that evaluate the
/// drift at points other than (x, t), which is not possible for a reverse process.
template <class M>
concept StrongScheme = std::copyable<M> &&
    requires(const M& scheme, const detail::AnyProcess& process, double x, TimeStep step) {
  { scheme.step(process, x, step, x) } -> std::same_as<double>;
};

struct Milstein {
  static constexpr bool needs_derivative = true;

  template <class P>
  [[nodiscard]] double step(const P& process, double x, TimeStep step, double dw) const {
    const double h = step.t_next - step.t, g = process.diffusion(x, step.t);
    const double correction = 0.5 * g * process.diffusion_derivative(x, step.t);
    return x + h * process.drift(x, step.t) + g * dw + correction * (dw * dw - std::abs(h));
  }
};

/// Milstein's scheme with a finite difference instead of g'.
struct DerivativeFreeMilstein {
  template <class P>
  [[nodiscard]] double step(const P& process, double x, TimeStep step, double dw) const {
    const double h = step.t_next - step.t, root = std::sqrt(std::abs(h));
    const double g = process.diffusion(x, step.t);
    const double mean = x + h * process.drift(x, step.t);
    const double difference = process.diffusion(mean + g * root, step.t) - g;
    return mean + g * dw + difference / (2 * root) * (dw * dw - root * root);
  }
};

/// Weak order 2 for additive noise.
struct StochasticHeun {
  static constexpr bool needs_derivative = true;
  static constexpr bool looks_ahead = true;

  template <class P>
  [[nodiscard]] double step(const P& process, double x, TimeStep step, double dw) const {
    const double h = step.t_next - step.t;
    const Slope first = slope(process, x, step.t);
    const Slope last = slope(process, x + h * first.drift + first.diffusion * dw, step.t_next);
    return x + 0.5 * h * (first.drift + last.drift) + 0.5 * (first.diffusion + last.diffusion) * dw;
  }

 private:
  struct Slope {
    double drift, diffusion;
  };
  template <class P>
  static Slope slope(const P& process, double x, double t) {
    const double g = process.diffusion(x, t);
    return {process.drift(x, t) - 0.5 * g * process.diffusion_derivative(x, t), g};
  }
};

static_assert(StrongScheme<EulerMaruyama> && StrongScheme<Milstein>);
static_assert(StrongScheme<DerivativeFreeMilstein> && StrongScheme<StochasticHeun>);

namespace detail {

template <class M>
inline constexpr bool scheme_needs_derivative = false;
template <class M>
requires requires { M::needs_derivative; }
inline constexpr bool scheme_needs_derivative<M> = M::needs_derivative;

template <class M>
inline constexpr bool scheme_looks_ahead = false;
template <class M>
requires requires { M::looks_ahead; }
inline constexpr bool scheme_looks_ahead<M> = M::looks_ahead;

/// Throws Error for the Euler step of the probability flow, if the scheme has that option.
template <class M>
void require_noisy(const char* sampler, const M& scheme) {
  if constexpr (requires { scheme.probability_flow; })
    require(!scheme.probability_flow, sampler,
            ": probability_flow is true; it must be false in a simulation; "
            "GeneralProbabilityFlow with Euler integrates the flow");
}

}  // namespace detail
}  // namespace scoresde
