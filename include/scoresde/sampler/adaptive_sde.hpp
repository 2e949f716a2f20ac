// SPDX-License-Identifier: MIT
/// AdaptiveSde: the reverse-time SDE with steps chosen by its own error, sample by sample.
///
///   b(x, t) = −f(t) x + g(t)² ∇log p_t(x),   ΔW = W(t) − W(t − h)
///   x′ = x + h b(x, t) + g(t) ΔW
///   x̃  = x + h b(x′, t − h) + g(t − h) ΔW,   x″ = (x′ + x̃)/2
///
/// Jolicoeur-Martineau et al. 2021 (arXiv:2105.14080), algorithm 1: Euler-Maruyama for the error,
/// the stochastic improved Euler (Roberts 2012, arXiv:1210.0933) for the result; acceptance and
/// step sizes in sampler/adaptive_tries.hpp.
///
/// Where E is small by chance the published rule does not bound h, and one jump over the data's
/// scales leaves a sample far outside of them. A step is therefore at most max_growth = 2 times as
/// long as the last: no evaluations more, and N(0, 0.25) in one dimension keeps its variance under
/// RectifiedFlowSde and KarrasSde, where it is several times too large without.
///
/// The Brownian path W is kept through rejections (sampler/remembered_path.hpp). z of a sample's
/// n-th try is its part of draw n, whatever else is in the batch.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

#include <scoresde/sampler/adaptive_tries.hpp>
#include <scoresde/sampler/final_denoise.hpp>
#include <scoresde/sampler/remembered_path.hpp>
#include <scoresde/sde/general_sde.hpp>

namespace scoresde {

struct AdaptiveSdeOptions {
  double rtol = 0.02;                      ///< 0.01 (slow, accurate) to 0.5
  double atol = quantization_step(-1, 1);  ///< of the data; quantization_step(0, 1) for [0, 1]
  double first_step = 0.01;                ///< as a part of the whole run
  double safety = 0.9;                     ///< θ
  double exponent = 0.9;                   ///< r
  double max_growth = 2;  ///< of h from one trial to the next, above 1; infinity as published
  std::size_t max_steps = 10000;  ///< tries, accepted or not, before the run gives up
  FinalDenoise denoise = FinalDenoise::none;
};

/// True when SDE, model and state fit together.
template <class S, class M, class X>
inline constexpr bool adaptive_sde_fits = Sde<S>&& PerSampleScoreModel<M, X>;

/// A const, stateless value: the state's type, the model and the noise meet it in the call. The
/// model takes a time per sample. Two evaluations a try, counted as calls for the batch; samples
/// that have arrived rest until the last one has, and a sample's result is the same in any batch.
template <class S>
class AdaptiveSde {
  static_assert(Sde<S> || !GeneralSde<S>,
                "AdaptiveSde: this SDE is a general one, without the closed-form marginal of "
                "marginal_prob(t); take ReverseSimulation, or Simulation forward in time");
  static_assert(GeneralSde<S> || detail::SdeArgument<S>::checked);

  /// Nested rejections that are remembered.
  static constexpr std::size_t memory = 4;

 public:
  /// States a workspace must hold beside x: x′, x′ − x″, x′_prev and the remembered path.
  static constexpr std::size_t buffers = 3 + memory;

  /// From span.t to span.t_next < span.t. Throws Error for a span outside [0, T] and options that
  /// no run can use.
  AdaptiveSde(S sde, TimeStep span, AdaptiveSdeOptions options = {})
      : sde_(std::move(sde)), span_(span), options_(options) {
    detail::check_limits(limits(), options_.first_step, span_, sde_.t_max());
    detail::check_final_denoise("adaptive sde", sde_, options_.denoise, span_.t_next);
  }

  /// The same from t_max to t_min.
  explicit AdaptiveSde(S sde, AdaptiveSdeOptions options = {})
      : AdaptiveSde(sde, TimeStep{sde.t_max(), sde.t_min()}, options) {}

  [[nodiscard]] const S& sde() const { return sde_; }

  /// Fills x with a draw from the prior and carries it to the data. Makes a workspace.
  template <class M, class X, class N, class O = NoObserver>
  SamplerStatistics sample(M&& model, X& x, const N& noise, O&& observer = O{}) const {
    static_assert(detail::RunArguments<std::remove_reference_t<M>, X, N>::checked);
    Workspace<X, buffers> work(x);
    draw_prior(sde_, span_.t, x, noise.draw(0));
    return integrate(model, x, noise, work, observer);
  }

  /// Carries the x given from span.t to span.t_next; allocates nothing. Throws Error for mismatched
  /// shapes, states and outputs of the model that are not finite where a step begins, steps that
  /// become too small and more than max_steps tries.
  /// Observers hear on_step when the sample furthest behind has moved.
  template <class M, class X, class N, class O = NoObserver>
  SamplerStatistics integrate(M&& model, X& x, const N& noise, Workspace<X, buffers>& work,
                              O&& observer = O{}) const {
    using Model = std::remove_reference_t<M>;
    static_assert(detail::RunArguments<Model, X, N>::checked);
    static_assert(PerSampleScoreModel<Model, X>,
                  "AdaptiveSde: the model is not a score model with a time per sample; it needs "
                  "evaluate(x, t, output), evaluate(x, span<const double> times, output) and "
                  "score_form(t) returning ScoreForm");
    static_assert(!TimedNoiseSource<N, X>,
                  "AdaptiveSde: the noise is a path with one time for the whole batch; samples "
                  "with times of their own keep their own paths, so pass Noise");
    detail::check_shapes("adaptive sde", x, work);
    const double first = options_.first_step * (span_.t - span_.t_next);
    detail::AdaptiveTries<X, buffers> tries(limits(), x, span_, first, work);
    Path<X> path(work, tries.states, tries.rows);
    const auto draw = [&](std::size_t number) -> decltype(auto) {
      return noise.draw(std::uint64_t{number} + 1);
    };
    SamplerStatistics done = tries.run(
        [&](std::size_t number) { return take(model, x, draw(number), tries, path, work); },
        [&] { evaluate(model, x, tries.t(), tries.difference()); },
        [&](std::size_t number) {
          path.update(tries.t(), tries.t_next(), tries.accepted(), draw(number), scratch);
        },
        observer);
    if (options_.denoise != FinalDenoise::none && !tries.stopped()) {
      detail::denoise(sde_, model, x, span_.t_next, options_.denoise, tries.difference());
      detail::check_finite("adaptive sde", x, {span_.t_next, span_.t_next}, work.row(0));
      ++done.nfe;
    }
    detail::notify_finish(observer, static_cast<const X&>(x));
    return done;
  }

 private:
  template <class X>
  using Path = detail::RememberedPath<X, buffers, memory>;
  template <class X>
  using Tries = detail::AdaptiveTries<X, buffers>;

  /// The row of the first of five coefficients: of x, x′, F, the path and z. Rows before it belong
  /// to the tries and the path.
  static constexpr std::size_t scratch = 6 + memory;

  [[nodiscard]] detail::TryLimits limits() const {
    return {.sampler = "adaptive sde",
            .atol = options_.atol,
            .rtol = options_.rtol,
            .safety = options_.safety,
            .exponent = options_.exponent,
            .max_growth = options_.max_growth,
            .max_steps = options_.max_steps};
  }

  /// The step from t, no longer than h and not beyond the end of the remembered increment, and half
  /// of what is left where it would leave a sliver. The increment is not divided evenly: a step
  /// rejected by little would be halved, grow back and be rejected again.
  template <class X>
  void choose_step(std::size_t k, Tries<X>& tries, Path<X>& path) const {
    const double t = tries.t()[k];
    double& end = tries.t_next()[k];
    end = t;
    if (tries.rests(k)) return;
    const double bound = path.any(k) ? path.end(k) : span_.t_next;
    const double remaining = t - bound;
    double& h = tries.size()[k];
    if (h < remaining && remaining < 1.1 * h) h = remaining / 2;
    end = h < remaining ? std::max(t - h, bound) : bound;
    h = t - end;
    if (end != bound) tries.require_step(k, h, h);
  }

  template <class M, class X>
  static void evaluate(M& model, const X& at, std::span<const double> times, X& output) {
    model.evaluate(at, times, output);
  }

  template <class M, class X, class Z>
  std::size_t take(M& model, X& x, const Z& z, Tries<X>& tries, Path<X>& path,
                   Workspace<X, buffers>& work) const {
    static_assert(scratch == Tries<X>::rows + 1 + memory &&
                  scratch + 5 <= Workspace<X, buffers>::rows);
    const std::size_t samples = work.shape().samples;
    for (std::size_t k = 0; k < samples; ++k) choose_step(k, tries, path);
    for (const bool second : {false, true}) {
      const std::span<double> times = second ? tries.t_next() : tries.t();
      X& at = second ? tries.lower() : x;
      evaluate(model, at, times, tries.difference());
      for (std::size_t k = 0; k < samples; ++k) coefficients(model, k, second, tries, path, work);
      const std::array<SampleTerm<X>, 4> terms{SampleTerm<X>{work.row(scratch), &x},
                                               {work.row(scratch + 1), &tries.lower()},
                                               {work.row(scratch + 2), &tries.difference()},
                                               {work.row(scratch + 3), &path.next()}};
      detail::assign_per_sample(second ? tries.difference() : tries.lower(), terms,
                                work.row(scratch + 4), z);
    }
    return 2;
  }

  /// Of x′ over {x, F, W}, then of x′ − x″ = (x′ − x̃)/2 over {x, x′, F, W}.
  template <class M, class X>
  void coefficients(M& model, std::size_t k, bool second, Tries<X>& tries, Path<X>& path,
                    Workspace<X, buffers>& work) const {
    const auto c = [&](std::size_t i) -> double& { return work.row(scratch + i)[k]; };
    const double t = tries.t()[k], end = tries.t_next()[k], h = t - end;
    for (std::size_t i = 0; i < 5; ++i) c(i) = 0;
    if (h == 0) {
      c(0) = second ? 0 : 1;
      return;
    }
    const double at = second ? end : t;
    const double g = sde_.diffusion(at);
    const ScoreForm score = model.score_form(at);
    const double drift = h * (g * g * score.state - sde_.drift(at)),
                 output = h * g * g * score.output;
    const double scale = second ? -0.5 : 1;
    c(0) = second ? -0.5 : 1 + drift;
    c(1) = second ? 0.5 - 0.5 * drift : 0;
    c(2) = scale * output;
    const auto [share, spread] = path.increment(k, t, end);
    c(3) = scale * g * share;
    c(4) = scale * g * spread;
  }

  S sde_;
  TimeStep span_;
  AdaptiveSdeOptions options_;
};

}  // namespace scoresde
