// SPDX-License-Identifier: MIT
/// Exact log-likelihoods by the probability-flow ODE, a continuous normalizing flow.
///
///   dx/dt = u(x, t) = f(t) x − ½ g(t)² ∇log p_t(x),   from ε up to T
///   dℓ/dt = ∇·u(x, t),   ℓ(ε) = 0,   log p_ε(x) = log π(x(T)) + ℓ(T)
///
/// Song et al. 2021 (arXiv:2011.13456), eq. 39 and appendix D.2; the trace is that of
/// likelihood/trace_estimator.hpp (Grathwohl et al. 2019, arXiv:1810.01367, section 3.1). With the
/// score p·x + q·F the divergence is (f − ½g²p)·D − ½g²q·tr ∂F/∂x: one evaluation and one vjp.
///
/// What the ODE gives is the density at ε of the flow that starts from π. It equals p_ε of the data
/// up to the error of the score, the solver, and the prior gap log π(z) − log p_T(z).
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <scoresde/likelihood/augmented_state.hpp>
#include <scoresde/likelihood/prior_log_density.hpp>
#include <scoresde/likelihood/trace_estimator.hpp>
#include <scoresde/not_deduced.hpp>
#include <scoresde/ode/adaptive_runge_kutta.hpp>
#include <scoresde/ode/explicit_runge_kutta.hpp>
#include <scoresde/sampler/probability_flow.hpp>
#include <scoresde/scope.hpp>
#include <scoresde/sde/sde.hpp>

namespace scoresde {

/// Log-likelihoods of a batch, in nats. Entry k belongs to sample k.
struct LogLikelihood {
  std::vector<double> log_p;   ///< log p_ε(x) = prior + change
  std::vector<double> prior;   ///< log π(z)
  std::vector<double> change;  ///< ℓ(T), averaged over the probes
  /// Standard deviation of the probes' ℓ(T) divided by √probes; 0 for the exact trace, NaN for a
  /// single probe, from which it cannot be estimated.
  std::vector<double> standard_error;
  std::vector<double> change_by_probe;  ///< ℓ(T) of probe p and sample k at p·samples + k
  OdeStatistics statistics;             ///< an evaluation is one forward and one vjp per probe
};

namespace detail {

/// d(x, ℓ)/dt along the flow, as an integrator requires it: F is the slope itself, because x and ℓ
/// have different forms.
template <class S, class M, class E, State X>
class LogDensityField {
 public:
  using Joint = AugmentedState<X>;

  LogDensityField(const S& sde, M& model, E& trace)
      : flow_{sde, model},
        trace_(trace),
        state_(trace.of_identity().size() / trace.count()),
        output_(state_.size()) {}

  [[nodiscard]] FieldForm form(double) const { return {0, 1}; }

  void evaluate(const Joint& y, double t, Joint& out) {
    trace_(flow_.model, y.points(), t, out.points(), out.integrals());
    const FieldForm form = flow_.form(t);
    combine(out, [form](std::size_t) { return form; });
    assign(out.points(), {{form.state, y.points()}, {form.output, out.points()}});
  }
  void evaluate(const Joint& y, std::span<const double> times,
                Joint& out) requires(E::template takes_times<M>) {
    trace_(flow_.model, y.points(), times, out.points(), out.integrals());
    for (std::size_t k = 0; k < times.size(); ++k) {
      const FieldForm form = flow_.form(times[k]);
      state_[k] = form.state;
      output_[k] = form.output;
    }
    combine(out, [this](std::size_t k) { return FieldForm{state_[k], output_[k]}; });
    assign(out.points(), {{state_, y.points()}, {output_, out.points()}});
  }

 private:
  /// The traces of F become the divergences of the flow.
  template <class FormOf>
  void combine(Joint& out, const FormOf& form_of) const {
    const std::span<const double> identity = trace_.of_identity();
    for (std::size_t i = 0; i < identity.size(); ++i) {
      const FieldForm form = form_of(i % state_.size());
      out.integrals()[i] = form.state * identity[i] + form.output * out.integrals()[i];
    }
  }

  ProbabilityFlowField<S, M> flow_;
  E& trace_;
  std::vector<double> state_, output_;
};

/// False if the trace T cannot be computed for a state and a score model, true for other arguments.
template <class M, class X, class T>
consteval bool has_trace() {
  if constexpr (State<X>) {
    if constexpr (ScoreModel<M, X>) return T::template Estimator<X>::template differentiates<M>;
  }
  return true;
}

/// True for arguments of the form log_likelihood(model, x, noise).
template <class... A>
inline constexpr bool is_likelihood_call = false;
template <class M, class X, class N>
inline constexpr bool is_likelihood_call<M, X&, N> = true;

/// Instantiation reports the first argument of a likelihood that does not fit.
template <class M, class X, class N, class T>
struct LikelihoodArguments {
  static_assert(!std::is_const_v<X>,
                "ProbabilityFlowLikelihood: the state is const; it is replaced by its latent code");
  static_assert(std::is_const_v<X> || State<X>,
                "ProbabilityFlowLikelihood: no Backend is known for this state; specialize "
                "scoresde::backend_of with `static auto of(const X&)`");
  static_assert(
      std::is_const_v<X> || !State<X> || ScoreModel<M, X>,
      "ProbabilityFlowLikelihood: the model is not a score model for this state; it needs "
      "evaluate(const State& x, double t, State& output) and score_form(double t)");
  static_assert(
      has_trace<M, X, T>(),
      "ProbabilityFlowLikelihood: the model is not differentiable for this state; a likelihood "
      "needs vjp(const State& x, double t, const State& v, State& out), which writes the product "
      "of v and dF/dx, and ExactTrace also a backend with transform, or a model with trace(x, t, "
      "per_sample)");
  static_assert(std::is_const_v<X> || !State<X> || NoiseSource<N, X>,
                "ProbabilityFlowLikelihood: the noise is not a noise source; it needs draw(index) "
                "returning NoiseDraw or const State&, as Noise{.seed = 42} has");
  static constexpr bool checked = true;
};

}  // namespace detail

/// I is a Runge-Kutta method by name (Euler, Heun, RungeKutta4, DormandPrince54: fixed steps over
/// the grid), an AdaptiveRungeKutta, or a user's OdeIntegrator; T is HutchinsonTrace or ExactTrace.
///
/// With Scope::per_sample, x and ℓ of each sample meet their tolerances separately; with
/// Scope::batch, one error norm covers x and ℓ of the whole batch, as in scipy's solve_ivp on the
/// flattened (x, ℓ), which score_sde uses: scipy_rk45().
template <class S, class I, class T = HutchinsonTrace>
class ProbabilityFlowLikelihood {
  using Integrator = typename IntegratorOf<I>::type;
  static_assert(deduced<S>,
                "ProbabilityFlowLikelihood: an argument is missing or not in its place; it takes "
                "(sde, integrator, trace, grid, log_p), a span {eps, T} for a grid if the "
                "integrator is adaptive, or (sde, integrator, trace), such as "
                "ProbabilityFlowLikelihood{sde, AdaptiveRungeKutta<>{}}");
  static_assert(SdeArgument<S>::checked);
  static_assert(
      requires { Integrator::order, Integrator::buffers, Integrator::adaptive; },
      "ProbabilityFlowLikelihood: the second argument is neither a Runge-Kutta method by name nor "
      "an ODE integrator; it needs order, buffers, adaptive and solve(field, x, grid, work, "
      "listener)");

 public:
  /// Steps from ε to T or, as a sampler's grid, from T to ε; for adaptive integrators a grid of one
  /// step. `log_p` is the tolerance of ℓ in adaptive solves; absent: the integrator's. Throws Error
  /// for a grid that does not lie in [0, T] and end at T, a drift or diffusion that is not finite
  /// at ε, and arguments that the integrator or the trace rejects.
  ProbabilityFlowLikelihood(S sde, I integrator, T trace, TimeGrid grid,
                            std::optional<Tolerance> log_p = {})
      : sde_(std::move(sde)),
        trace_(trace),
        grid_(grid.generates() ? grid.reversed() : std::move(grid)),
        log_p_(log_p) {
    if constexpr (!RungeKuttaMethod<I>) integrator_ = std::move(integrator);
    if constexpr (requires { integrator_.validate(); }) integrator_.validate();
    if constexpr (requires { trace_.validate(); }) trace_.validate();
    const double first = grid_.front().t, last = grid_.back().t_next;
    require(first >= 0 && last == sde_.t_max(), "likelihood: the grid goes from ", first, " to ",
            last, "; it must begin at 0 or later and end at T = ", sde_.t_max(),
            ", where the prior is known");
    require(!Integrator::adaptive || grid_.size() == 1, "likelihood: the grid has ", grid_.size(),
            " steps; an adaptive integrator takes 1, from epsilon to T");
    const double f = sde_.drift(first), g = sde_.diffusion(first);
    require(std::isfinite(f) && std::isfinite(g), "likelihood: drift is ", f, " and diffusion ", g,
            " at t = ", first, "; both must be finite");
    if (log_p_)
      require(std::isfinite(log_p_->rtol) && std::isfinite(log_p_->atol) && log_p_->rtol >= 0 &&
                  log_p_->atol > 0,
              "likelihood: rtol of log p is ", log_p_->rtol, " and atol ", log_p_->atol,
              "; rtol must be nonnegative and atol positive, because log p starts at 0");
  }

  /// The same over one span {ε, T}, by an adaptive integrator.
  ProbabilityFlowLikelihood(S sde, I integrator, T trace, TimeStep span,
                            std::optional<Tolerance> log_p = {})
      : ProbabilityFlowLikelihood(std::move(sde), std::move(integrator), trace,
                                  TimeGrid(std::vector<TimeStep>{span}), log_p) {
    static_assert(Integrator::adaptive,
                  "ProbabilityFlowLikelihood: the grid is missing; a fixed-step method takes (sde, "
                  "method, trace, grid), such as ProbabilityFlowLikelihood{sde, Heun{}, "
                  "HutchinsonTrace{}, uniform_grid(sde, 100)}");
  }

  /// The same from t_min to t_max. score_sde begins at 1e-5 for every SDE.
  explicit ProbabilityFlowLikelihood(S sde, I integrator, T trace = {},
                                     std::optional<Tolerance> log_p = {})
      : ProbabilityFlowLikelihood(sde, std::move(integrator), trace,
                                  TimeStep{sde.t_min(), sde.t_max()}, log_p) {}

  [[nodiscard]] const S& sde() const { return sde_; }
  [[nodiscard]] const TimeGrid& grid() const { return grid_; }

  /// The log-likelihoods of x, which is replaced by its latent code z = x(T). Probe p is draw p of
  /// `noise`: a Noise, whose purpose is set to Purpose::probe, or a source of recorded states.
  /// Makes its memory before the solve. Throws Error for an empty batch, Scope::per_sample with a
  /// model without vjp for a time per sample, what the solve rejects, and a result that is not
  /// finite; x is then unchanged.
  template <class M, class X, class N>
  LogLikelihood log_likelihood(M&& model, X& x, const N& noise) const {
    using Model = std::remove_reference_t<M>;
    static_assert(detail::LikelihoodArguments<Model, X, N, T>::checked);
    const auto [samples, dim] = extents(x);
    require(samples > 0 && dim > 0, "likelihood: the state has ", samples, " samples of dimension ",
            dim, "; it must not be empty");
    auto trace = trace_.estimator(x, noise);
    using Estimator = decltype(trace);
    if constexpr (!Estimator::template takes_times<Model>)
      require(!per_sample(),
              "likelihood: scope is per_sample; it requires a model with evaluate(x, times, "
              "output) and vjp(x, times, v, out) for a time per sample; or use Scope::batch");
    AugmentedState<X> y(backend(x).make_like(x), trace.count(), {log_p_, per_sample()});
    assign(y.points(), {{1, x}});
    detail::LogDensityField<S, Model, Estimator, X> field(sde_, model, trace);
    Workspace<AugmentedState<X>, Integrator::buffers> work(y);
    LogLikelihood result;
    result.statistics = integrator_.solve(field, y, grid_, work, NoListener{});
    summarize(y, result);
    assign(x, {{1, y.points()}});
    return result;
  }
  /// Does not compile.
  template <class... A>
  requires(!detail::is_likelihood_call<A...>) LogLikelihood log_likelihood(A&&...)
  const {
    static_assert(never<A...>,
                  "ProbabilityFlowLikelihood: log_likelihood takes (model, x, noise): a "
                  "differentiable model, a variable x, which becomes its latent code, and a noise "
                  "source as Noise{.seed = 42}");
    return {};
  }

 private:
  [[nodiscard]] bool per_sample() const {
    if constexpr (requires { integrator_.scope == Scope::per_sample; })
      return integrator_.scope == Scope::per_sample;
    else
      return false;
  }

  template <class X>
  void summarize(const AugmentedState<X>& y, LogLikelihood& result) const {
    const std::size_t samples = extents(y).samples, count = y.integrals().size() / samples;
    const auto probes = static_cast<double>(count);
    result.change_by_probe.assign(y.integrals().begin(), y.integrals().end());
    result.prior.resize(samples);
    prior_log_density(sde_, y.points(), result.prior);
    for (std::size_t k = 0; k < samples; ++k) {
      double mean = 0, squares = 0;
      for (std::size_t p = 0; p < count; ++p) mean += y.integrals()[p * samples + k] / probes;
      for (std::size_t p = 0; p < count; ++p) {
        const double off = y.integrals()[p * samples + k] - mean;
        squares += off * off;
      }
      result.change.push_back(mean);
      result.log_p.push_back(result.prior[k] + mean);
      result.standard_error.push_back(std::is_same_v<T, ExactTrace> ? 0
                                      : count == 1 ? std::numeric_limits<double>::quiet_NaN()
                                                   : std::sqrt(squares / (probes - 1) / probes));
      require(std::isfinite(result.log_p[k]), "likelihood: log p of sample ", k, " is ",
              result.log_p[k], " after steps from t = ", grid_.front().t, " to ",
              grid_.back().t_next,
              "; the model's output must be finite, and the steps short enough");
    }
  }

  S sde_;
  Integrator integrator_{};
  T trace_;
  TimeGrid grid_;
  std::optional<Tolerance> log_p_;
};

/// Reports arguments that no constructor takes.
ProbabilityFlowLikelihood(...)->ProbabilityFlowLikelihood<NotDeduced, NotDeduced>;

}  // namespace scoresde
