// SPDX-License-Identifier: MIT
/// Common parts of adaptive samplers: the time of every sample, trial steps and their acceptance.
///
///   E = √(mean over elements of ((x′ − x″)/(atol + rtol·max(|x′|, |x′_prev|)))²)
///   E ≤ 1:  x ← x″,  x′_prev ← x′;   in either case  h ← h·clamp(θ E^(−r), 0.2, growth)
///
/// x′ is the result of the lower order, x″ that of the higher, x′_prev that of the last accepted
/// step. Jolicoeur-Martineau et al. 2021 (arXiv:2105.14080), section 3.1; Lu et al. 2022
/// (arXiv:2206.00927), appendix C. Both papers have max(atol, rtol·max(…)) in the denominator; the
/// sum, used throughout this library, lies between one and two times that.
///
/// A trial that is not finite has left the model's domain or overflowed. Its E is ∞, so it is
/// rejected and h is divided by 5, the smallest factor of scipy's Runge-Kutta solvers. The run ends
/// with an error if the model's output is not finite at the current state, or if h is too small to
/// change t.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

#include <scoresde/observer/observer.hpp>
#include <scoresde/ode/step_size_controller.hpp>
#include <scoresde/sampler/run.hpp>
#include <scoresde/sampler/sampler.hpp>
#include <scoresde/scope.hpp>

namespace scoresde {

/// The distance between adjacent levels of 8-bit images with values in [low, high]: the absolute
/// tolerance that allows an error of about one level. 2/256 for [−1, 1] and 1/256 for [0, 1],
/// published as 0.0078 and 0.0039 (arXiv:2105.14080).
[[nodiscard]] constexpr double quantization_step(double low, double high) {
  return (high - low) / 256;
}

namespace detail {

/// The options of a run of trial steps.
struct AttemptLimits {
  const char* sampler = "";
  double atol = 0;
  double rtol = 0;
  double safety = 0.9;                                          ///< θ
  double exponent = 0.9;                                        ///< r
  double max_growth = std::numeric_limits<double>::infinity();  ///< of h, per trial
  std::size_t max_steps = 0;
  Scope scope = Scope::per_sample;  ///< batch: the largest E applies to all samples

  /// Throws Error for values out of range.
  void validate(double first_step, TimeStep span, double t_max) const {
    require(std::isfinite(rtol) && std::isfinite(atol) && rtol >= 0 && atol >= 0 && rtol + atol > 0,
            sampler, ": rtol is ", rtol, " and atol ", atol,
            "; both must be non-negative and one positive");
    require(safety > 0 && safety < 1, sampler, ": safety is ", safety, "; it must lie in (0, 1)");
    require(std::isfinite(exponent) && exponent > 0, sampler, ": exponent is ", exponent,
            "; it must be positive");
    require(max_growth > 1, sampler, ": max_growth is ", max_growth, "; it must be above 1");
    require(max_steps >= 1, sampler, ": max_steps is 0; it must be positive");
    require(std::isfinite(first_step) && first_step > 0, sampler, ": first_step is ", first_step,
            "; it must be positive");
    require(span.t_next >= 0 && span.t_next < span.t && span.t <= t_max, sampler,
            ": the run goes from t = ", span.t, " to ", span.t_next,
            "; time must decrease within [0, T] with T = ", t_max);
  }
};

/// The loop over trial steps. Uses states 0 to 2 and rows 0 to 4 of a workspace, and between calls
/// the last two rows as scratch.
template <class X, std::size_t N>
class AdaptiveStepper {
 public:
  static constexpr std::size_t states = 3, rows = 5;

  AdaptiveStepper(const AttemptLimits& limits, X& x, TimeStep span, double first_step,
                  Workspace<X, N>& work)
      : limits_(limits), x_(x), span_(span), work_(work) {
    std::fill(t().begin(), t().end(), span.t);
    std::fill(size().begin(), size().end(), first_step);
    std::fill(error().begin(), error().end(), 0.0);
    assign(previous(), {{1, x}});
  }

  X& lower() { return work_[0]; }       ///< x′
  X& difference() { return work_[1]; }  ///< x′ − x″; scratch before that
  std::span<double> t() { return work_.row(0); }
  std::span<double> t_next() { return work_.row(1); }
  std::span<double> size() { return work_.row(2); }  ///< h, in the sampler's own variable
  std::span<double> error() { return work_.row(3); }
  std::span<double> accepted() { return work_.row(4); }
  [[nodiscard]] bool is_finished(std::size_t k) { return t()[k] == span_.t_next; }

  /// Throws Error unless step h of sample k, of `length` in time, is large enough to change t
  /// reliably.
  void require_step(std::size_t k, double h, double length) {
    require(length >= smallest_step(t()[k], -1), limits_.sampler, ": the step at t = ", t()[k],
            " fell to ", h,
            std::isfinite(error()[k])
                ? "; the model is not smooth enough or the tolerance is too small there"
                : "; the model's output is not finite there for any step size");
  }

  /// Calls attempt(number) until all samples are finished. It fills t_next, size, lower and
  /// difference (x and 0 for finished samples) and returns its number of evaluations. evaluate()
  /// writes the model's output at (x, t) to `difference`; it is called after trials that were not
  /// finite. decided(number) is called when `accepted` is known and t still holds the beginnings of
  /// the steps.
  template <class Attempt, class Evaluate, class Decided, class O>
  void repeat(const Attempt& attempt, const Evaluate& evaluate, const Decided& decided,
              SamplerRun<X, O>& run) {
    double behind = span_.t;
    for (std::size_t number = 0; behind != span_.t_next && !run.stopped(); ++number) {
      require(number < limits_.max_steps, limits_.sampler, ": ", limits_.max_steps,
              " steps were attempted, but t = ", behind, " is short of ", span_.t_next,
              "; increase max_steps");
      run.nfe += attempt(number);
      const bool finite = measure();
      accept();
      if (!finite) run.nfe += require_present(evaluate);
      notify_attempt(run.observer(), StepAttempts{t(), t_next(), error(), accepted()}, x_);
      decided(number);
      advance();
      const double now = *std::max_element(t().begin(), t().end());
      if (now == behind) continue;
      run.took({behind, now}, x_);
      behind = now;
    }
    require_finite(x_, "the state", [](std::size_t) { return true; });
  }
  /// The counts of the run, with `nfe` evaluations in total.
  [[nodiscard]] SamplerStatistics statistics(std::size_t nfe) const {
    return {nfe, accepted_, rejected_};
  }

 private:
  static constexpr std::size_t last = Workspace<X, N>::rows - 1;

  X& previous() { return work_[2]; }

  /// Fills `error`, with infinity for trials that are not finite. Returns true if all are finite.
  bool measure() {
    backend(x_).scaled_rms(difference(), lower(), previous(), limits_.atol, limits_.rtol, error());
    bool finite = true;
    for (double& e : error()) {
      if (std::isfinite(e)) continue;
      e = std::numeric_limits<double>::infinity();
      finite = false;
    }
    if (limits_.scope == Scope::batch) {
      const double largest = *std::max_element(error().begin(), error().end());
      std::fill(error().begin(), error().end(), largest);
    }
    return finite;
  }

  /// Throws Error if a trial was not finite because the state, or the model's output at its
  /// beginning, is not. Returns its number of evaluations.
  template <class Evaluate>
  std::size_t require_present(const Evaluate& evaluate) {
    const auto failed = [&](std::size_t k) { return !std::isfinite(error()[k]); };
    require_finite(x_, "the state", failed);
    evaluate();
    require_finite(difference(), "the model's output", failed);
    return 1;
  }

  /// Throws Error if a sample of `value` for which counts(k) is true is not finite.
  template <class Counts>
  void require_finite(const X& value, const char* what, const Counts& counts) {
    const std::span<double> square = work_.row(last);
    backend(x_).inner(value, value, square);
    for (std::size_t k = 0; k < square.size(); ++k)
      require(!counts(k) || std::isfinite(square[k]), limits_.sampler, ": ", what, " of sample ", k,
              " at t = ", t()[k], " is not finite");
  }

  void accept() {
    const std::span<double> move = accepted(), stay = work_.row(last), back = work_.row(last - 1);
    for (std::size_t k = 0; k < move.size(); ++k) {
      move[k] = !is_finished(k) && error()[k] <= 1 ? 1 : 0;
      stay[k] = 1 - move[k];
      back[k] = -move[k];
    }
    assign(x_, {{stay, x_}, {move, lower()}, {back, difference()}});
    assign(previous(), {{stay, previous()}, {move, lower()}});
  }

  /// The factor by which h changes, also for E = 0 and ∞.
  [[nodiscard]] double factor(double error) const {
    const double factor = limits_.safety * std::pow(error, -limits_.exponent);
    return std::min(limits_.max_growth, std::max(0.2, factor));
  }

  void advance() {
    for (std::size_t k = 0; k < t().size(); ++k) {
      if (is_finished(k)) continue;
      ++(accepted()[k] != 0 ? accepted_ : rejected_);
      size()[k] *= factor(error()[k]);
      if (accepted()[k] != 0) t()[k] = t_next()[k];
    }
  }

  AttemptLimits limits_;
  X& x_;
  TimeStep span_;
  Workspace<X, N>& work_;
  std::size_t accepted_ = 0, rejected_ = 0;
};

}  // namespace detail
}  // namespace scoresde
