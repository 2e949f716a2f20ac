// SPDX-License-Identifier: MIT
/// The variational bound of a score-based model on −log p(x), in nats.
///
///   −log p(x) ≤ E[−log π(x_T)] + ½ ∫ E[I] dt + R(ε),   x_t = m x + s z
///   denoising  I = g²(‖∇log p‖² + 2⟨∇log p, z⟩/s) − 2 f D
///   sliced     I = g²(‖∇log p‖² + 2 vᵀ(∂∇log p/∂x)v) − 2 f ‖v‖²
///   R(ε) = −D ln m + E[⟨z, s∇log p⟩ + ½‖s∇log p‖²]
///
/// Song, Durkan, Murray & Ermon 2021 (arXiv:2101.09258), theorem 3, eq. 11 and appendix B. R is the
/// reconstruction term of a Gaussian decoder with Tweedie's mean and standard deviation s/m,
/// without the part ½‖z‖² − ½D, whose mean is 0; so is the prior term in closed form.
///
/// Times are drawn uniformly, or with density g²/s², under which the integrand has less variance.
/// As dλ/dt = −g²/s² for the log-SNR λ of every linear SDE, that density is uniform in λ.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <limits>
#include <numbers>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <scoresde/likelihood/prior_log_density.hpp>
#include <scoresde/likelihood/trace_estimator.hpp>
#include <scoresde/not_deduced.hpp>
#include <scoresde/state/workspace.hpp>
#include <scoresde/time/log_snr.hpp>

namespace scoresde {

/// The form of the integrand: `sliced` takes a vjp per draw and has no term in 1/s.
enum class BoundObjective { denoising, sliced };
/// The density of the times.
enum class BoundTimes { importance, uniform };

struct LikelihoodBoundOptions {
  BoundObjective objective = BoundObjective::denoising;
  BoundTimes times = BoundTimes::importance;
  /// Of the sliced objective.
  ProbeDistribution probes = ProbeDistribution::rademacher;
  /// Draws of (time, noise) per sample.
  std::size_t draws = 100;
};

/// Bounds of a batch, in nats. Entry k belongs to sample k.
struct LikelihoodBoundValue {
  std::vector<double> negative_log_p;  ///< the bound: prior + integral + reconstruction
  std::vector<double> prior;           ///< E[−log π(x_T)], in closed form
  std::vector<double> integral;        ///< ½ ∫ E[I] dt, a mean over the draws
  std::vector<double> reconstruction;  ///< R(ε), a mean over the draws
  /// Of negative_log_p, from the draws; NaN for a single draw.
  std::vector<double> standard_error;
  std::size_t nfe = 0;  ///< evaluations of the model
};

namespace detail {

/// True for arguments of the form evaluate(model, x, noise).
template <class... A>
inline constexpr bool is_bound_call = false;
template <class M, class X, class N>
inline constexpr bool is_bound_call<M, X, N> =
    State<std::remove_cvref_t<X>>&& std::convertible_to<N, Noise>;

}  // namespace detail

/// The bound with the times of [ε, T]. Requires a model that takes a time per sample, and for the
/// sliced objective its vjp.
template <class S>
class LikelihoodBound {
  static_assert(deduced<S>,
                "LikelihoodBound: an argument is missing or not in its place; it takes (sde, eps, "
                "options), such as LikelihoodBound{sde, 1e-5}");
  static_assert(SdeArgument<S>::checked);

 public:
  /// Throws Error unless 0 < eps < T, std(eps) > 0 and draws ≥ 1.
  LikelihoodBound(S sde, double eps, LikelihoodBoundOptions options = {})
      : sde_(std::move(sde)), eps_(eps), options_(options) {
    require(eps > 0 && eps < sde_.t_max() && sde_.marginal_prob(eps).std > 0,
            "likelihood bound: eps is ", eps, "; it must lie between 0 and T = ", sde_.t_max(),
            ", where the marginal has a positive std");
    require(options.draws >= 1, "likelihood bound: draws is 0; it must be at least 1");
    first_ = log_snr(sde_, eps);
    total_ = first_ - log_snr(sde_, sde_.t_max());
    require(std::isfinite(total_), "likelihood bound: the log-SNR goes from ", first_,
            " at eps to ", first_ - total_, " at T; both must be finite");
  }

  [[nodiscard]] const S& sde() const { return sde_; }
  [[nodiscard]] const LikelihoodBoundOptions& options() const { return options_; }

  /// ∫ g²/s² from ε to t, which is λ(ε) − λ(t).
  [[nodiscard]] double importance(double t) const { return first_ - log_snr(sde_, t); }
  /// The time of a uniform number u in (0, 1), by the density of the options.
  [[nodiscard]] double time(double u) const {
    if (options_.times == BoundTimes::uniform) return eps_ + u * (sde_.t_max() - eps_);
    return std::clamp(time_of_log_snr(sde_, first_ - u * total_), eps_, sde_.t_max());
  }

  /// per_sample[k] ← I(t_k) divided by the density of t_k, for x_t = m x + s z. `probe` is read by
  /// the sliced objective only. Throws Error for the sliced objective of a model without vjp for a
  /// time per sample.
  template <class M, State X, std::size_t N>
  void integrand(M& model, const X& x, std::span<const double> times, const X& z, const X& probe,
                 Workspace<X, N>& work, std::span<double> per_sample) const {
    static_assert(N >= 3, "LikelihoodBound: the workspace needs 3 states");
    static_assert(PerSampleScoreModel<M, X>,
                  "LikelihoodBound: the model must take a time per sample, evaluate(x, "
                  "span<const double> times, output)");
    X& output = work[1];
    perturb(x, times, z, work);
    const std::span<double> inner = work.row(4);
    if (options_.objective == BoundObjective::denoising) {
      model.evaluate(work[0], times, output);
      to_score(model, times, work);
      backend(x).inner(output, z, inner);
      for (std::size_t k = 0; k < times.size(); ++k) inner[k] /= sde_.marginal_prob(times[k]).std;
    } else if constexpr (PerSampleDifferentiableScoreModel<M, X>) {
      evaluate_with_vjp(model, std::as_const(work[0]), times, probe, output, work[2]);
      backend(x).inner(probe, work[2], inner);
      backend(x).inner(probe, probe, work.row(5));
      for (std::size_t k = 0; k < times.size(); ++k) {
        const ScoreForm form = model.score_form(times[k]);
        inner[k] = form.state * work.row(5)[k] + form.output * inner[k];
      }
      to_score(model, times, work);
    } else {
      throw Error(
          "likelihood bound: objective is sliced; it requires a model with vjp(x, times, v, out) "
          "for a time per sample");
    }
    backend(x).inner(output, output, per_sample);
    const auto dim = static_cast<double>(extents(x).dim);
    const bool sliced = options_.objective == BoundObjective::sliced;
    for (std::size_t k = 0; k < times.size(); ++k)
      per_sample[k] =
          weighted(times[k], per_sample[k] + 2 * inner[k], sliced ? work.row(5)[k] : dim);
  }

  /// per_sample[k] ← R(ε) of one draw z.
  template <class M, State X, std::size_t N>
  void reconstruction(M& model, const X& x, const X& z, Workspace<X, N>& work,
                      std::span<double> per_sample) const {
    const std::vector<double> times(extents(x).samples, eps_);
    const MarginalProb p = sde_.marginal_prob(eps_);
    perturb(x, times, z, work);
    model.evaluate(work[0], std::span<const double>(times), work[1]);
    to_score(model, times, work);
    backend(x).inner(work[1], z, work.row(4));
    backend(x).inner(work[1], work[1], per_sample);
    const double constant = -static_cast<double>(extents(x).dim) * std::log(p.mean);
    for (std::size_t k = 0; k < times.size(); ++k)
      per_sample[k] = constant + p.std * work.row(4)[k] + 0.5 * p.std * p.std * per_sample[k];
  }

  /// per_sample[k] ← E[−log π(x_T) | x].
  template <State X>
  void prior(const X& x, std::span<double> per_sample) const {
    const MarginalProb p = sde_.marginal_prob(sde_.t_max());
    const double variance = sde_.prior_std() * sde_.prior_std();
    const auto dim = static_cast<double>(extents(x).dim);
    squared_distance_to_prior_mean(sde_, p.mean, x, per_sample);
    for (double& value : per_sample)
      value = 0.5 * (dim * std::log(2 * std::numbers::pi * variance) +
                     (value + dim * p.std * p.std) / variance);
  }

  /// The bound of every sample, with two evaluations per draw. Draw i takes time, noise, probe and
  /// the noise of the reconstruction from draws 4i … 4i + 3 of `noise` under Purpose::probe. Throws
  /// Error for an empty batch, as integrand does, and for a bound that is not finite.
  template <class M, State X>
  LikelihoodBoundValue evaluate(M&& model, const X& x, Noise noise) const {
    const auto [samples, dim] = extents(x);
    require(samples > 0 && dim > 0, "likelihood bound: the state has ", samples,
            " samples of dimension ", dim, "; it must not be empty");
    const Noise stream = detail::probe_stream(noise);
    Workspace<X, 3> work(x);
    X z = backend(x).make_like(x), probe = backend(x).make_like(x);
    std::vector<double> times(samples), value(samples), offset(samples), squares(samples);
    LikelihoodBoundValue bound{.negative_log_p = std::vector<double>(samples),
                               .prior = std::vector<double>(samples),
                               .integral = std::vector<double>(samples),
                               .reconstruction = std::vector<double>(samples),
                               .standard_error = std::vector<double>(samples),
                               .nfe = 2 * options_.draws};
    prior(x, bound.prior);
    for (std::size_t i = 0; i < options_.draws; ++i) {
      for (std::size_t k = 0; k < samples; ++k) times[k] = time(uniform(stream.draw(4 * i), k, 0));
      draw_probe(z, ProbeDistribution::gaussian, stream.draw(4 * i + 1));
      if (options_.objective == BoundObjective::sliced)
        draw_probe(probe, options_.probes, stream.draw(4 * i + 2));
      integrand(model, x, std::span<const double>(times), z, probe, work, value);
      draw_probe(z, ProbeDistribution::gaussian, stream.draw(4 * i + 3));
      reconstruction(model, x, z, work, offset);
      add_draw(i + 1, value, offset, bound, squares);
    }
    finish(squares, bound);
    return bound;
  }
  /// Does not compile.
  template <class... A>
  requires(!detail::is_bound_call<A...>) LikelihoodBoundValue evaluate(A&&...)
  const {
    static_assert(never<A...>,
                  "LikelihoodBound: evaluate takes (model, x, noise): a score model, a state x and "
                  "Noise{.seed = 42}");
    return {};
  }

 private:
  /// work[0] ← m x + s z with a time per sample.
  template <State X, std::size_t N>
  void perturb(const X& x, std::span<const double> times, const X& z, Workspace<X, N>& work) const {
    for (std::size_t k = 0; k < times.size(); ++k) {
      const MarginalProb p = sde_.marginal_prob(times[k]);
      work.row(0)[k] = p.mean;
      work.row(1)[k] = p.std;
    }
    assign(work[0], {{work.row(0), x}, {work.row(1), z}});
  }
  /// work[1] ← the score of work[0], whose model output it holds.
  template <class M, State X, std::size_t N>
  static void to_score(M& model, std::span<const double> times, Workspace<X, N>& work) {
    for (std::size_t k = 0; k < times.size(); ++k) {
      const ScoreForm form = model.score_form(times[k]);
      work.row(2)[k] = form.state;
      work.row(3)[k] = form.output;
    }
    assign(work[1], {{work.row(2), work[0]}, {work.row(3), work[1]}});
  }
  /// (g²·value − 2 f·identity) divided by the density of t.
  [[nodiscard]] double weighted(double t, double value, double identity) const {
    const double g = sde_.diffusion(t), f = sde_.drift(t);
    if (options_.times == BoundTimes::uniform)
      return (sde_.t_max() - eps_) * (g * g * value - 2 * f * identity);
    const double s = sde_.marginal_prob(t).std;
    return total_ * s * s * (value - 2 * f / (g * g) * identity);
  }

  /// Running means of the draws and sum of squared deviations (Welford 1962).
  static void add_draw(std::size_t count, std::span<const double> value,
                       std::span<const double> offset, LikelihoodBoundValue& bound,
                       std::span<double> squares) {
    const auto n = static_cast<double>(count);
    for (std::size_t k = 0; k < value.size(); ++k) {
      const double total = 0.5 * value[k] + offset[k];
      const double before = total - bound.integral[k] - bound.reconstruction[k];
      bound.integral[k] += (0.5 * value[k] - bound.integral[k]) / n;
      bound.reconstruction[k] += (offset[k] - bound.reconstruction[k]) / n;
      squares[k] += before * (total - bound.integral[k] - bound.reconstruction[k]);
    }
  }
  void finish(std::span<const double> squares, LikelihoodBoundValue& bound) const {
    const auto n = static_cast<double>(options_.draws);
    for (std::size_t k = 0; k < squares.size(); ++k) {
      bound.negative_log_p[k] = bound.prior[k] + bound.integral[k] + bound.reconstruction[k];
      bound.standard_error[k] = options_.draws > 1 ? std::sqrt(squares[k] / (n - 1) / n)
                                                   : std::numeric_limits<double>::quiet_NaN();
      require(std::isfinite(bound.negative_log_p[k]), "likelihood bound: the bound of ", "sample ",
              k, " is ", bound.negative_log_p[k], "; the model's output must be finite");
    }
  }

  S sde_;
  double eps_;
  LikelihoodBoundOptions options_;
  double first_ = 0, total_ = 0;  // λ(ε) and λ(ε) − λ(T)
};

/// Reports arguments that no constructor takes.
LikelihoodBound(...)->LikelihoodBound<NotDeduced>;

}  // namespace scoresde
