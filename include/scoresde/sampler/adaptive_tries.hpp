// SPDX-License-Identifier: MIT
/// What adaptive samplers share: every sample's own time, its tries, and what becomes of them.
///
///   E = √(mean over elements of ((x′ − x″)/(atol + rtol·max(|x′|, |x′_prev|)))²)
///   E ≤ 1:  x ← x″,  x′_prev ← x′;   in either case  h ← h·clamp(θ E^(−r), 0.2, growth)
///
/// x′ is the result of the lower order, x″ of the higher, x′_prev that of the last accepted step.
/// Jolicoeur-Martineau et al. 2021 (arXiv:2105.14080), section 3.1; Lu et al. 2022
/// (arXiv:2206.00927), appendix C. Both have max(atol, rtol·max(…)) below the bar; the sum, this
/// library's tolerance everywhere, lies between that and twice that.
///
/// A trial that is not finite has left the model's domain or overflowed; its E is ∞, so it is
/// rejected and h divided by 5, as in scipy's Runge-Kutta solvers, whose smallest factor this is.
/// The run ends where the model is not finite at the present state, or where h is too small to move
/// t.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

#include <scoresde/ode/step_size_controller.hpp>
#include <scoresde/sampler/observer.hpp>
#include <scoresde/sampler/sampler.hpp>

namespace scoresde {

/// The distance between two of the 256 levels of images with values in [low, high]: the absolute
/// tolerance at which an error is about one level. 2/256 for [−1, 1], 1/256 for [0, 1], published
/// as 0.0078 and 0.0039 (arXiv:2105.14080).
[[nodiscard]] constexpr double quantization_step(double low, double high) {
  return (high - low) / 256;
}

namespace detail {

/// out ← Σⱼ cⱼ[k]·xⱼ[k] + c[k]·z[k].
template <State X, std::size_t M>
void assign_per_sample(X& out, const std::array<SampleTerm<X>, M>& terms,
                       std::span<const double> noise, NoiseDraw z) {
  backend(out).assign(out, std::span<const SampleTerm<X>>(terms), SampleNoise{noise, z});
}
template <State X, std::size_t M>
void assign_per_sample(X& out, const std::array<SampleTerm<X>, M>& terms,
                       std::span<const double> noise, const X& z) {
  std::array<SampleTerm<X>, M + 1> all;
  std::copy(terms.begin(), terms.end(), all.begin());
  all[M] = {noise, &z};
  backend(out).assign(out, std::span<const SampleTerm<X>>(all), SampleNoise{});
}

/// What a run of tries allows.
struct TryLimits {
  const char* sampler = "";
  double atol = 0;
  double rtol = 0;
  double safety = 0.9;                                          ///< θ
  double exponent = 0.9;                                        ///< r
  double max_growth = std::numeric_limits<double>::infinity();  ///< of h, per trial
  std::size_t max_steps = 0;
  bool whole_batch = false;  ///< one E for all: the largest
};

/// Refuses what no run can use.
inline void check_limits(const TryLimits& limits, double first_step, TimeStep span, double t_max) {
  const auto [sampler, atol, rtol, safety, exponent, max_growth, max_steps, whole] = limits;
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

/// States 0 to 2 and rows 0 to 4 of a workspace, and the loop over tries. Between tries the last
/// two rows are scratch.
template <class X, std::size_t N>
class AdaptiveTries {
 public:
  static constexpr std::size_t states = 3, rows = 5;

  AdaptiveTries(const TryLimits& limits, X& x, TimeStep span, double first_step,
                Workspace<X, N>& work)
      : limits_(limits), x_(x), span_(span), work_(work) {
    std::fill(t().begin(), t().end(), span.t);
    std::fill(size().begin(), size().end(), first_step);
    std::fill(error().begin(), error().end(), 0.0);
    const Term<X> whole{1, &x};
    backend(x).assign(previous(), std::span<const Term<X>>(&whole, 1), NoiseTerm{});
  }

  X& lower() { return work_[0]; }       ///< x′
  X& difference() { return work_[1]; }  ///< x′ − x″; free until then
  std::span<double> t() { return work_.row(0); }
  std::span<double> t_next() { return work_.row(1); }
  std::span<double> size() { return work_.row(2); }  ///< h, in the sampler's own clock
  std::span<double> error() { return work_.row(3); }
  std::span<double> accepted() { return work_.row(4); }
  [[nodiscard]] bool rests(std::size_t k) { return t()[k] == span_.t_next; }

  /// Throws Error unless step h of sample k, `length` in time, moves t reliably.
  void require_step(std::size_t k, double h, double length) {
    require(length >= smallest_step(t()[k], -1), limits_.sampler, ": the step at t = ", t()[k],
            " fell to ", h,
            std::isfinite(error()[k])
                ? "; the model is too rough or the tolerance too small there"
                : "; the model's output is not finite there, however short the step is");
  }

  /// Repeats try_steps(number) until all samples have arrived: it fills t_next, size, lower and
  /// difference (x and 0 for samples that rest) and returns its evaluations. evaluate() puts the
  /// model's output at (x, t) into `difference`; it is called after trials that were not finite.
  /// decided(number) is called when `accepted` is known and t still holds the beginnings.
  template <class Try, class Evaluate, class Decided, class O>
  SamplerStatistics run(const Try& try_steps, const Evaluate& evaluate, const Decided& decided,
                        O& observer) {
    notify_start(observer, {0, 0, {span_.t, span_.t}, 0}, x_);
    double behind = span_.t;
    std::size_t taken = 0;
    for (std::size_t number = 0; behind != span_.t_next; ++number) {
      require(number < limits_.max_steps, limits_.sampler, ": ", limits_.max_steps,
              " steps were tried and t = ", behind, " is reached of ", span_.t_next,
              "; allow more by max_steps");
      statistics_.nfe += try_steps(number);
      const bool finite = measure();
      accept();
      if (!finite) require_present(evaluate);
      notify_try(observer, TriedSteps{t(), t_next(), error(), accepted()}, x_);
      decided(number);
      advance();
      const double now = *std::max_element(t().begin(), t().end());
      if (now == behind) continue;
      const TimeStep step{behind, now};
      behind = now;
      stopped_ = notify_step(observer, {taken++, 0, step, statistics_.nfe}, x_) == StepAction::stop;
      if (stopped_) break;
    }
    require_finite(x_, "the state", [](std::size_t) { return true; });
    return statistics_;
  }
  [[nodiscard]] bool stopped() const { return stopped_; }

 private:
  static constexpr std::size_t last = Workspace<X, N>::rows - 1;

  X& previous() { return work_[2]; }

  /// Fills `error`, with infinity for trials that are not finite; true when all are.
  bool measure() {
    backend(x_).scaled_rms(difference(), lower(), previous(), limits_.atol, limits_.rtol, error());
    bool finite = true;
    for (double& e : error()) {
      if (std::isfinite(e)) continue;
      e = std::numeric_limits<double>::infinity();
      finite = false;
    }
    if (limits_.whole_batch) {
      const double largest = *std::max_element(error().begin(), error().end());
      std::fill(error().begin(), error().end(), largest);
    }
    return finite;
  }

  /// Throws Error where a trial was not finite because the state or the model's output at its
  /// beginning is not.
  template <class Evaluate>
  void require_present(const Evaluate& evaluate) {
    const auto failed = [&](std::size_t k) { return !std::isfinite(error()[k]); };
    require_finite(x_, "the state", failed);
    evaluate();
    ++statistics_.nfe;
    require_finite(difference(), "the model's output", failed);
  }

  /// Throws Error where a sample of `value` that counts is not finite.
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
      move[k] = !rests(k) && error()[k] <= 1 ? 1 : 0;
      stay[k] = 1 - move[k];
      back[k] = -move[k];
    }
    const std::array<SampleTerm<X>, 3> higher{
        SampleTerm<X>{stay, &x_}, {move, &lower()}, {back, &difference()}};
    assign_per_sample(x_, higher, {}, NoiseDraw{});
    const std::array<SampleTerm<X>, 2> newest{SampleTerm<X>{stay, &previous()}, {move, &lower()}};
    assign_per_sample(previous(), newest, {}, NoiseDraw{});
  }

  /// By which h changes; E = 0 and ∞ included.
  [[nodiscard]] double factor(double error) const {
    const double factor = limits_.safety * std::pow(error, -limits_.exponent);
    return std::min(limits_.max_growth, std::max(0.2, factor));
  }

  void advance() {
    for (std::size_t k = 0; k < t().size(); ++k) {
      if (rests(k)) continue;
      ++(accepted()[k] != 0 ? statistics_.accepted : statistics_.rejected);
      size()[k] *= factor(error()[k]);
      if (accepted()[k] != 0) t()[k] = t_next()[k];
    }
  }

  TryLimits limits_;
  X& x_;
  TimeStep span_;
  Workspace<X, N>& work_;
  SamplerStatistics statistics_{};
  bool stopped_ = false;
};

}  // namespace detail
}  // namespace scoresde
