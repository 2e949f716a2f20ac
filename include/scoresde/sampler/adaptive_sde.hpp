// SPDX-License-Identifier: MIT
/// AdaptiveSde: the reverse-time SDE with a step size per sample, chosen by an error estimate.
///
///   b(x, t) = −f(t) x + g(t)² ∇log p_t(x),   ΔW = W(t) − W(t − h)
///   x′ = x + h b(x, t) + g(t) ΔW
///   x̃  = x + h b(x′, t − h) + g(t − h) ΔW,   x″ = (x′ + x̃)/2
///
/// Jolicoeur-Martineau et al. 2021 (arXiv:2105.14080), algorithm 1: Euler-Maruyama for the error
/// estimate, the stochastic improved Euler method (Roberts 2012, arXiv:1210.0933) for the result.
/// Acceptance and step sizes are defined in sampler/adaptive_stepper.hpp.
///
/// If E is small by chance, the published rule does not bound h, and one long step over the scales
/// of the data leaves a sample far outside them. A step is therefore at most max_growth = 2 times
/// as long as the previous one. This takes no additional evaluations, and N(0, 0.25) in one
/// dimension keeps its variance under RectifiedFlowSde and EdmSde, where without the bound it is
/// several times too large.
///
/// Rejections do not change the Brownian path W (sampler/detail/rejection_memory.hpp). The noise of
/// a sample's n-th trial is taken from draw n and does not depend on the batch.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

#include <scoresde/not_deduced.hpp>
#include <scoresde/sampler/adaptive_stepper.hpp>
#include <scoresde/sampler/detail/rejection_memory.hpp>
#include <scoresde/sampler/final_step.hpp>
#include <scoresde/sampler/run.hpp>
#include <scoresde/sde/general_sde.hpp>

namespace scoresde {

struct AdaptiveSdeOptions {
  double rtol = 0.02;                         ///< 0.01 (slow, accurate) to 0.5
  double atol = quantization_step(-1, 1);     ///< of the data; quantization_step(0, 1) for [0, 1]
  double first_step = 0.01;                   ///< as a fraction of the run's length
  double safety = 0.9;                        ///< θ
  double exponent = 0.9;                      ///< r
  double max_growth = 2;                      ///< of h per trial, above 1; infinity in the paper
  std::size_t max_steps = 10000;              ///< maximum number of trial steps, accepted or not
  FinalStep final_step = FinalStep::denoise;  ///< or keep_noise, reverse_diffusion
};

/// True if the model and the state are valid for the SDE.
template <class S, class M, class X>
inline constexpr bool adaptive_sde_fits = Sde<S>&& PerSampleScoreModel<M, X>;

/// A const, stateless value: state, model and noise are arguments of the call. The model requires
/// one time per sample. A trial step takes two evaluations, counted as calls for the batch.
/// Finished samples do not change while others are integrated, and the result of a sample does not
/// depend on its batch.
template <class S>
class AdaptiveSde : public SampledFromPrior<AdaptiveSde<S>> {
  static_assert(deduced<S>,
                "AdaptiveSde: an argument is missing or not in its place; it takes (sde, span, "
                "options) or (sde, options), such as AdaptiveSde{sde, {.rtol = 0.01}}");
  static_assert(Sde<S> || !GeneralSde<S>,
                "AdaptiveSde: this SDE is a general one, without the closed-form marginal of "
                "marginal_prob(t); use ReverseSimulation, or Simulation forward in time");
  static_assert(GeneralSde<S> || SdeArgument<S>::checked);

  /// Maximum number of nested rejections that are stored.
  static constexpr std::size_t memory = 4;

 public:
  static constexpr const char* name = "adaptive sde";
  /// States that a workspace holds in addition to x: x′, x′ − x″, x′_prev and the stored
  /// increments.
  static constexpr std::size_t buffers = 3 + memory;

  /// From span.t to span.t_next < span.t. Throws Error for a span outside [0, T], options out of
  /// range and final steps other than those above.
  AdaptiveSde(S sde, TimeStep span, AdaptiveSdeOptions options = {})
      : sde_(std::move(sde)), span_(span), options_(options) {
    using enum FinalStep;
    limits().validate(options_.first_step, span_, sde_.t_max());
    require_final_step(name, options_.final_step, {keep_noise, denoise, reverse_diffusion}, span_);
    last_ = FinalEvaluation(name, sde_, options_.final_step, span_.t_next);
  }

  /// Integrates from t_max to t_min.
  explicit AdaptiveSde(S sde, AdaptiveSdeOptions options = {})
      : AdaptiveSde(sde, TimeStep{sde.t_max(), sde.t_min()}, options) {}

  [[nodiscard]] const S& sde() const { return sde_; }
  [[nodiscard]] TimeStep span() const { return span_; }

  using SampledFromPrior<AdaptiveSde<S>>::integrate;
  /// Integrates the given x from span.t to span.t_next without allocating. Throws Error for
  /// mismatched shapes, for states and outputs of the model that are not finite where a step
  /// begins, for steps that become too small, and after max_steps trials. on_step is called when
  /// the slowest sample has advanced.
  template <class M, class X, class N, class O = NoObserver>
  SamplerStatistics integrate(M&& model, X& x, const N& noise, Workspace<X, buffers>& work,
                              O&& observer = O{}) const {
    using Model = std::remove_reference_t<M>;
    static_assert(RunArguments<Model, X, N>::checked);
    static_assert(PerSampleScoreModel<Model, X>,
                  "AdaptiveSde: the model is not a score model with a time per sample; it needs "
                  "evaluate(x, t, output), evaluate(x, span<const double> times, output) and "
                  "score_form(t) returning ScoreForm");
    static_assert(!TimedNoiseSource<N, X>,
                  "AdaptiveSde: the noise is a path with one time for the whole batch; samples "
                  "with different times require separate paths, so pass Noise");
    check_shapes(name, x, work);
    const double first = options_.first_step * (span_.t - span_.t_next);
    Stepper<X> stepper(limits(), x, span_, first, work);
    Path<X> path(work, stepper.states, stepper.rows);
    const auto draw = [&](std::size_t number) -> decltype(auto) {
      return noise.draw(std::uint64_t{number} + 1);
    };
    SamplerRun<X, std::remove_reference_t<O>> run(name, 0, span_.t, x, work.row(0), observer);
    stepper.repeat(
        [&](std::size_t number) { return take(model, x, draw(number), stepper, path, work); },
        [&] { model.evaluate(x, std::span<const double>(stepper.t()), stepper.difference()); },
        [&](std::size_t number) {
          path.update(stepper.t(), stepper.t_next(), stepper.accepted(), draw(number), scratch);
        },
        run);
    return stepper.statistics(run.finish(last_, model, stepper.difference()).nfe);
  }

 private:
  template <class X>
  using Path = detail::RejectionMemory<X, buffers, memory>;
  template <class X>
  using Stepper = detail::AdaptiveStepper<X, buffers>;

  /// The row of the first of five coefficients: of x, x′, F, the stored increment and z. The rows
  /// before it are used by the stepper and the rejection memory.
  static constexpr std::size_t scratch = 6 + memory;

  [[nodiscard]] detail::AttemptLimits limits() const {
    return {.sampler = name,
            .atol = options_.atol,
            .rtol = options_.rtol,
            .safety = options_.safety,
            .exponent = options_.exponent,
            .max_growth = options_.max_growth,
            .max_steps = options_.max_steps};
  }

  /// The step from t: at most h, not beyond the end of the stored increment, and half of the rest
  /// where a very short step would remain. The increment is not divided evenly, because a narrowly
  /// rejected step would be halved, grow back and be rejected again.
  template <class X>
  void choose_step(std::size_t k, Stepper<X>& stepper, Path<X>& path) const {
    const double t = stepper.t()[k];
    double& end = stepper.t_next()[k];
    end = t;
    if (stepper.is_finished(k)) return;
    const double bound = path.any(k) ? path.end(k) : span_.t_next;
    const double remaining = t - bound;
    double& h = stepper.size()[k];
    if (h < remaining && remaining < 1.1 * h) h = remaining / 2;
    end = h < remaining ? std::max(t - h, bound) : bound;
    h = t - end;
    if (end != bound) stepper.require_step(k, h, h);
  }

  template <class M, class X, class Z>
  std::size_t take(M& model, X& x, const Z& z, Stepper<X>& stepper, Path<X>& path,
                   Workspace<X, buffers>& work) const {
    static_assert(scratch == Stepper<X>::rows + 1 + memory &&
                  scratch + 5 <= Workspace<X, buffers>::rows);
    const std::size_t samples = work.shape().samples;
    for (std::size_t k = 0; k < samples; ++k) choose_step(k, stepper, path);
    for (const bool second : {false, true}) {
      const std::span<double> times = second ? stepper.t_next() : stepper.t();
      X& at = second ? stepper.lower() : x;
      model.evaluate(at, std::span<const double>(times), stepper.difference());
      for (std::size_t k = 0; k < samples; ++k) coefficients(model, k, second, stepper, path, work);
      X& moved = second ? stepper.difference() : stepper.lower();
      assign(moved,
             {{work.row(scratch), x},
              {work.row(scratch + 1), stepper.lower()},
              {work.row(scratch + 2), stepper.difference()},
              {work.row(scratch + 3), path.next()}},
             {work.row(scratch + 4), z});
    }
    return 2;
  }

  /// The coefficients of x′ over {x, F, W}, then of x′ − x″ = (x′ − x̃)/2 over {x, x′, F, W}.
  template <class M, class X>
  void coefficients(M& model, std::size_t k, bool second, Stepper<X>& stepper, Path<X>& path,
                    Workspace<X, buffers>& work) const {
    const auto c = [&](std::size_t i) -> double& { return work.row(scratch + i)[k]; };
    const double t = stepper.t()[k], end = stepper.t_next()[k], h = t - end;
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
  FinalEvaluation last_;
};

/// Reports arguments that no constructor takes.
AdaptiveSde(...)->AdaptiveSde<NotDeduced>;

}  // namespace scoresde
