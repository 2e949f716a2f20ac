// SPDX-License-Identifier: MIT
/// Simulation: a general SDE forward in time, from the given states.
///
///   for each step (t → t_next):  x ← scheme(x, t, √(t_next − t)·z)
///
/// Schemes: EulerMaruyama, Milstein, DerivativeFreeMilstein, StochasticHeun
/// (general_sde/schemes.hpp). Every scheme works element by element, so a step is one pass over
/// memory, including stages and noise.
#pragma once

#include <cmath>
#include <cstddef>
#include <type_traits>
#include <utility>

#include <scoresde/general_sde/schemes.hpp>
#include <scoresde/observer/observer.hpp>
#include <scoresde/sampler/run.hpp>
#include <scoresde/sampler/sampler.hpp>
#include <scoresde/sde/general_sde.hpp>
#include <scoresde/state/elementwise.hpp>

namespace scoresde {
namespace detail {

/// One step of one element; z ~ N(0, 1).
template <class S, class R>
struct ForwardElement {
  const S* sde;
  const R* scheme;
  TimeStep time;
  double root;  // √(t_next − t)

  double operator()(ElementIndex at, double x, double z) const {
    return scheme->step(ElementProcess<S>{sde, at.element}, x, time, root * z);
  }
};

}  // namespace detail

/// A const, stateless value: state and noise are arguments of the call. Step i uses draw i + 1 or,
/// if the source is timed (BrownianPath with a TimeClock), the path's increment.
///
/// States that are not finite are rejected: x is checked after steps 1, 2, 4, 8, … and the last.
template <class S, class R>
class Simulation {
  static_assert(GeneralSde<S>,
                "Simulation: the first argument is not a general SDE; it needs drift(x, t) and "
                "diffusion(x, t), optionally with the element's index as third argument; "
                "AsGeneralSde makes one of a linear SDE");
  static_assert(
      StrongScheme<R>,
      "Simulation: the second argument is not a scheme; it needs step(process, x, TimeStep, "
      "dw) returning double");
  static_assert(!detail::scheme_needs_derivative<R> || GeneralSdeWithDerivative<S>,
                "Simulation: this scheme needs the derivative of the diffusion in x; give the SDE "
                "diffusion_derivative(x, t), or use EulerMaruyama or DerivativeFreeMilstein");

 public:
  static constexpr const char* name = "simulation";
  /// States that a workspace holds in addition to x.
  static constexpr std::size_t buffers = 0;

  /// Throws Error unless time increases, within [0, t_max()] if the SDE has t_max().
  Simulation(S sde, R scheme, TimeGrid grid)
      : sde_(std::move(sde)), scheme_(std::move(scheme)), grid_(std::move(grid)) {
    require(!grid_.generates(), name, ": the grid goes from ", grid_.front().t, " down to ",
            grid_.back().t_next,
            "; time must increase (use TimeGrid::reversed or ReverseSimulation)");
    require_times(name, sde_, grid_);
    detail::require_noisy(name, scheme_);
  }

  /// No model is evaluated.
  [[nodiscard]] static constexpr std::size_t nfe() { return 0; }

  [[nodiscard]] const S& sde() const { return sde_; }
  [[nodiscard]] const TimeGrid& grid() const { return grid_; }

  /// Calls integrate with a newly allocated workspace.
  template <class X, class N, class O = NoObserver>
  SamplerStatistics run(X& x, const N& noise, O&& observer = O{}) const {
    static_assert(NoiseArgument<X, N>::checked);
    Workspace<X, buffers> work(x);
    return integrate(x, noise, work, observer);
  }
  /// Does not compile: reports the first argument that is not valid.
  template <class... A>
  requires(!is_sample_call<NoModel, A...>) SamplerStatistics run(A&&...)
  const {
    static_assert(sizeof...(A) == 2 || sizeof...(A) == 3,
                  "simulation: run takes a state, a noise source as Noise{.seed = 42} and, "
                  "optionally, an observer, but no model");
    static_assert(SampleArguments<NoModel, A...>::checked);
    return {};
  }

  /// Integrates the given x over the grid without allocating. Throws Error for mismatched shapes
  /// and states that are not finite.
  template <State X, class N, class O = NoObserver>
  SamplerStatistics integrate(X& x, const N& noise, Workspace<X, buffers>& work,
                              O&& observer = O{}) const {
    static_assert(
        ElementwiseState<X>,
        "Simulation: the state's backend cannot apply a function element by element; it needs "
        "transform(out, f, inputs...) (scoresde/state/elementwise.hpp)");
    static_assert(NoiseArgument<X, N>::checked);
    check_shapes(name, x, work);
    SamplerRun<X, std::remove_reference_t<O>> run(name, grid_.size(), grid_.front().t, x,
                                                  work.row(0), observer);
    for (std::size_t i = 0; i < grid_.size() && !run.stopped(); ++i) {
      const TimeStep time = grid_[i];
      const double root = std::sqrt(time.t_next - time.t);
      const detail::ForwardElement<S, R> element{&sde_, &scheme_, time, root};
      with_step_noise<X>(noise, i + 1, time, 1,
                         [&](const auto& z) { backend(x).transform(x, element, x, z); });
      run.took(time, x);
    }
    return run.finish();
  }
  /// Does not compile: reports the first argument that is not valid.
  template <class... A>
  requires(!is_integrate_call<Simulation, NoModel, A...>) SamplerStatistics integrate(A&&...)
  const {
    static_assert(sizeof...(A) == 3 || sizeof...(A) == 4,
                  "simulation: integrate takes a state, a noise source as Noise{.seed = 42}, a "
                  "workspace and, optionally, an observer, but no model");
    static_assert(IntegrateArguments<buffers, NoModel, A...>::checked);
    return {};
  }

 private:
  S sde_;
  R scheme_;
  TimeGrid grid_;
};

}  // namespace scoresde
