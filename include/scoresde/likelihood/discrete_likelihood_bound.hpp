// SPDX-License-Identifier: MIT
/// DDPM's variational bound on −log₂ P(x) of discrete images, term by term.
///
///   −log P(x₀) ≤ L_N + Σ_{i=2}^N L_{i−1} + L_0
///   L_N     = KL(q(x_N|x₀) ‖ N(0, I)) = ½(‖√ᾱ_N x₀‖² + D(1 − ᾱ_N − 1 − ln(1 − ᾱ_N)))
///   L_{i−1} = KL(q(x_{i−1}|x_i, x₀) ‖ N(μ(x_i, x̂₀), σ_i²)) = ½D(ln(σ²/β̃) + β̃/σ² − 1) + ‖c(x₀ − x̂₀)‖²/2σ²
///   L_0     = −Σ ln P(N(x̂₀, β̃_2) lies in the bin of x₀),   the first and last bin open
///
/// Ho et al. 2020 (arXiv:2006.11239), eq. 5, 8 and 13, with c = √ᾱ_{i−1} β_i/(1 − ᾱ_i) and β̃ the
/// variance of q(x_{i−1}|x_i, x₀). The decoder's variance is β̃_2 under both choices of σ, as in
/// their code, because β̃_1 = 0.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <scoresde/likelihood/dequantization.hpp>
#include <scoresde/likelihood/trace_estimator.hpp>
#include <scoresde/predictor/ancestral.hpp>
#include <scoresde/score/tweedie.hpp>
#include <scoresde/sde/ddpm_sde.hpp>
#include <scoresde/state/elementwise.hpp>
#include <scoresde/state/host_copy.hpp>

namespace scoresde {
namespace detail {

/// ln P(N(0, 1) > x), accurate for any x.
[[nodiscard]] inline double log_normal_tail(double x) {
  if (x < 30) return std::log(0.5 * std::erfc(x / std::numbers::sqrt2));
  const double square = x * x;  // Mills' ratio, relative error below 15/x⁶
  return -0.5 * square - std::log(x) - 0.5 * std::log(2 * std::numbers::pi) +
         std::log1p(-(1 - 3 / square) / square);
}

/// ln P(a < N(0, 1) < b) for a < b, either infinite.
[[nodiscard]] inline double log_normal_interval(double a, double b) {
  if (a + b < 0) return log_normal_interval(-b, -a);
  const double upper = log_normal_tail(a);
  if (b == std::numeric_limits<double>::infinity()) return upper;
  return upper + std::log(-std::expm1(log_normal_tail(b) - upper));
}

/// ln of the probability of x₀'s bin, for data scale·k/(L − 1) + shift.
template <class Scaling>
struct DiscretizedNormal {
  double levels, std;

  double operator()(ElementIndex, double x, double mean) const {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    const double half = 0.5 * Scaling::scale / (levels - 1);
    const bool first = x < Scaling::shift + half;
    const bool last = x > Scaling::shift + Scaling::scale - half;
    return log_normal_interval(first ? -infinity : (x - half - mean) / std,
                               last ? infinity : (x + half - mean) / std);
  }
};

struct One {
  template <class T>
  T operator()(ElementIndex, T) const {
    return T(1);
  }
};

}  // namespace detail

struct DiscreteLikelihoodBoundOptions {
  PosteriorVariance variance = PosteriorVariance::large;  ///< σ²: β (large) or β̃ (small)
  std::size_t levels = 256;                               ///< L, of the data
  std::size_t draws = 1;                                  ///< noise draws per level of the chain
};

/// The bound of a batch, in nats. Entry k belongs to sample k.
struct DiscreteLikelihoodBoundValue {
  std::vector<double> negative_log_p;  ///< prior + transitions + decoder
  std::vector<double> prior;           ///< L_N
  std::vector<double> transitions;     ///< Σ L_{i−1}, the rate, a mean over the draws
  std::vector<double> decoder;         ///< L_0, the distortion, a mean over the draws
  /// Of negative_log_p, from the draws; NaN for a single draw.
  std::vector<double> standard_error;
  std::size_t nfe = 0;  ///< evaluations of the model: N for each draw
};

/// Data are scale·k/(L − 1) + shift, k of L levels. No data are clipped: wrap the model in
/// ClippedDenoiser for DDPM's evaluation with clipped predictions.
template <DataScaling Scaling = Centered>
class DiscreteLikelihoodBound {
 public:
  /// Throws Error for fewer than 2 levels and for draws = 0.
  explicit DiscreteLikelihoodBound(DdpmSde sde, DiscreteLikelihoodBoundOptions options = {})
      : sde_(std::move(sde)), options_(options) {
    require(options.levels >= 2, "discrete likelihood bound: levels is ", options.levels,
            "; it must be at least 2");
    require(options.draws >= 1, "discrete likelihood bound: draws is 0; it must be at least 1");
  }

  /// Evaluates the model once per level and draw; draw d of level i is draw d·N + i of `noise`
  /// under Purpose::probe. Throws Error for an empty batch and a bound that is not finite.
  template <class M, State X>
  DiscreteLikelihoodBoundValue evaluate(M&& model, const X& x, Noise noise) const {
    using Model = std::remove_reference_t<M>;
    static_assert(
        ScoreModel<Model, X>,
        "DiscreteLikelihoodBound: the model is not a score model for this state; it needs "
        "evaluate(const State& x, double t, State& output) and score_form(double t)");
    static_assert(ElementwiseState<X> || HostCopyableState<X>,
                  "DiscreteLikelihoodBound: the decoder requires a state whose backend has "
                  "transform(out, f, inputs...) (scoresde/state/elementwise.hpp), or one that is "
                  "copied to the host (scoresde/state/host_copy.hpp)");
    const auto [samples, dim] = extents(x);
    require(samples > 0 && dim > 0, "discrete likelihood bound: the state has ", samples,
            " samples of dimension ", dim, "; it must not be empty");
    X noised = backend(x).make_like(x), output = backend(x).make_like(x);
    DiscreteLikelihoodBoundValue bound{.negative_log_p = std::vector<double>(samples),
                                       .prior = std::vector<double>(samples),
                                       .transitions = std::vector<double>(samples),
                                       .decoder = std::vector<double>(samples),
                                       .standard_error = std::vector<double>(samples),
                                       .nfe = options_.draws * sde_.training_steps()};
    prior(x, bound.prior);
    std::vector<double> transitions(samples), decoder(samples), squares(samples);
    for (std::size_t d = 0; d < options_.draws; ++d) {
      pass(model, x, noise, d, noised, output, transitions, decoder);
      add_draw(d + 1, transitions, decoder, bound, squares);
    }
    finish(squares, bound);
    return bound;
  }

 private:
  template <State X>
  void prior(const X& x, std::span<double> per_sample) const {
    const MarginalProb p = sde_.marginal_prob(sde_.t_max());
    const double variance = p.std * p.std;
    const double constant =
        static_cast<double>(extents(x).dim) * (variance - 1 - std::log(variance));
    backend(x).inner(x, x, per_sample);
    for (double& value : per_sample) value = 0.5 * (p.mean * p.mean * value + constant);
  }

  /// One draw at every level.
  template <class M, State X>
  void pass(M& model, const X& x, Noise noise, std::size_t d, X& noised, X& output,
            std::span<double> transitions, std::span<double> decoder) const {
    const Noise stream = detail::probe_stream(noise);
    const std::size_t steps = sde_.training_steps();
    std::fill(transitions.begin(), transitions.end(), 0.0);
    std::vector<double> row(transitions.size());
    for (std::size_t i = steps; i >= 1; --i) {
      const double t = sde_.time_of_level(i);
      const MarginalProb p = sde_.marginal_prob(t);
      assign(noised, {{p.mean, x}}, NoiseTerm{p.std, stream.draw(d * steps + i)});
      model.evaluate(noised, t, output);
      const ScoreForm predicted = tweedie_form(p, model.score_form(t));
      if (i > 1)
        add_transition(i, x, noised, output, predicted, row, transitions);
      else
        decode(x, noised, output, predicted, decoder);
    }
  }

  /// β̃ and σ² of the step from level i ≥ 2.
  struct Variances {
    double posterior, model, data_coefficient;
  };
  [[nodiscard]] Variances variances(std::size_t i) const {
    const double t = sde_.time_of_level(i), t_next = sde_.time_of_level(i - 1);
    const Transition chain = sde_.discretize({t, t_next});
    const double ratio = chain.std_next / chain.std, posterior = chain.variance * ratio * ratio;
    const double mean_next = sde_.marginal_prob(t_next).mean;
    return {posterior, options_.variance == PosteriorVariance::small ? posterior : chain.variance,
            mean_next * chain.variance / (chain.std * chain.std)};
  }

  template <State X>
  void add_transition(std::size_t i, const X& x, const X& noised, const X& output,
                      ScoreForm predicted, std::span<double> row,
                      std::span<double> transitions) const {
    const Variances v = variances(i);
    const std::array<Term<X>, 3> error{
        Term<X>{1, &x}, {-predicted.state, &noised}, {-predicted.output, &output}};
    backend(x).norms(std::span<const Term<X>>(error), row);
    const double ratio = v.posterior / v.model;
    const double constant = static_cast<double>(extents(x).dim) * (ratio - 1 - std::log(ratio));
    for (std::size_t k = 0; k < row.size(); ++k) {
      const double off = v.data_coefficient * row[k];
      transitions[k] += 0.5 * (constant + off * off / v.model);
    }
  }

  template <State X>
  void decode(const X& x, X& noised, X& output, ScoreForm predicted,
              std::span<double> per_sample) const {
    assign(output, {{predicted.state, noised}, {predicted.output, output}});
    if constexpr (ElementwiseState<X>) {
      decode_mean(x, output, noised, per_sample);
    } else {
      auto mean = host_copy(output), scratch = mean;
      decode_mean(host_copy(x), mean, scratch, per_sample);
    }
  }
  /// per_sample[k] ← L_0; overwrites mean and scratch.
  template <ElementwiseState X>
  void decode_mean(const X& x, X& mean, X& scratch, std::span<double> per_sample) const {
    const double std = std::sqrt(variances(2).posterior);
    const auto levels = static_cast<double>(options_.levels);
    backend(x).transform(mean, detail::DiscretizedNormal<Scaling>{levels, std}, x, mean);
    backend(x).transform(scratch, detail::One{}, x);
    backend(x).inner(mean, scratch, per_sample);
    for (double& value : per_sample) value = -value;
  }

  /// Running means of the draws and sum of squared deviations (Welford 1962).
  static void add_draw(std::size_t count, std::span<const double> transitions,
                       std::span<const double> decoder, DiscreteLikelihoodBoundValue& bound,
                       std::span<double> squares) {
    const auto n = static_cast<double>(count);
    for (std::size_t k = 0; k < squares.size(); ++k) {
      const double total = transitions[k] + decoder[k];
      const double before = total - bound.transitions[k] - bound.decoder[k];
      bound.transitions[k] += (transitions[k] - bound.transitions[k]) / n;
      bound.decoder[k] += (decoder[k] - bound.decoder[k]) / n;
      squares[k] += before * (total - bound.transitions[k] - bound.decoder[k]);
    }
  }
  void finish(std::span<const double> squares, DiscreteLikelihoodBoundValue& bound) const {
    const auto n = static_cast<double>(options_.draws);
    for (std::size_t k = 0; k < squares.size(); ++k) {
      bound.negative_log_p[k] = bound.prior[k] + bound.transitions[k] + bound.decoder[k];
      bound.standard_error[k] = options_.draws > 1 ? std::sqrt(squares[k] / (n - 1) / n)
                                                   : std::numeric_limits<double>::quiet_NaN();
      require(std::isfinite(bound.negative_log_p[k]),
              "discrete likelihood bound: the bound of sample ", k, " is ", bound.negative_log_p[k],
              "; the model's output must be finite");
    }
  }

  DdpmSde sde_;
  DiscreteLikelihoodBoundOptions options_;
};

}  // namespace scoresde
