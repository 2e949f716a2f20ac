// SPDX-License-Identifier: MIT
/// Observers: any object with at least one of five hooks.
///
///   on_start(step, x)             before the first step; step.time = {t, t}, where the run begins
///   on_step(step, x)              after every accepted step; may return StepAction::stop
///   on_correction(correction, x)  after every corrector step
///   on_attempt(attempts, x)       after every trial of an adaptive sampler, accepted or not
///   on_finish(x)                  at the end of the run
///
/// An absent hook adds no cost, not even a call: the values passed to on_correction are measured
/// only for observers that have it. State and spans are valid during the call.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/ode/ode_integrator.hpp>
#include <scoresde/ode/step_size_controller.hpp>
#include <scoresde/state/backend.hpp>
#include <scoresde/time/time_grid.hpp>

namespace scoresde {

/// A step of a run, after it was taken.
struct ObservedStep {
  std::size_t index = 0;  ///< 0 for the first
  std::size_t steps = 0;  ///< of the whole run, 0 if not known (adaptive)
  TimeStep time{};        ///< its beginning and its end
  std::size_t nfe = 0;    ///< evaluations of the model so far
};

/// A corrector step x ← x + ε ∇log p_t(x) + c z, after it was taken; every span has one entry per
/// sample.
struct CorrectionStep {
  double t = 0;
  std::span<const double> score_norm;  ///< ‖∇log p_t(x)‖₂ before the step
  std::span<const double> noise_norm;  ///< ‖z‖₂
  std::span<const double> step_size;   ///< ε
  std::span<const double> snr;  ///< ε‖∇log p_t(x)‖₂/(c‖z‖₂), measured; 0 where c = 0
};

/// An observer without hooks.
struct NoObserver {};

namespace detail {

/// True for observers with a hook, and for NoObserver.
template <class O, class X>
inline constexpr bool has_hook = std::derived_from<O, NoObserver> || requires(O& o, const X& x) {
  o.on_start(ObservedStep{}, x);
}
|| requires(O& o, const X& x) { o.on_step(ObservedStep{}, x); }
|| requires(O& o, const X& x) { o.on_correction(CorrectionStep{}, x); }
|| requires(O& o, const X& x) { o.on_attempt(StepAttempts{}, x); }
|| requires(O& o, const X& x) { o.on_finish(x); };

// A member with the name of a hook that cannot be called with the hook's arguments would be
// ignored, so it is rejected.
template <class O, class X>
constexpr void check_hooks() {
  static_assert(
      !requires { &O::on_start; } || requires(O & o, const X& x) { o.on_start(ObservedStep{}, x); },
      "observer: on_start is called as on_start(const ObservedStep& step, const State& x)");
  static_assert(
      !requires { &O::on_step; } || requires(O & o, const X& x) { o.on_step(ObservedStep{}, x); },
      "observer: on_step is called as on_step(const ObservedStep& step, const State& x)");
  static_assert(
      !requires { &O::on_correction; } ||
          requires(O & o, const X& x) { o.on_correction(CorrectionStep{}, x); },
      "observer: on_correction is called as on_correction(const CorrectionStep& correction, "
      "const State& x)");
  static_assert(
      !requires { &O::on_attempt; } ||
          requires(O & o, const X& x) { o.on_attempt(StepAttempts{}, x); },
      "observer: on_attempt is called as on_attempt(const StepAttempts& attempts, const State& x)");
  static_assert(
      !requires { &O::on_finish; } || requires(O & o, const X& x) { o.on_finish(x); },
      "observer: on_finish is called as on_finish(const State& x)");
  static_assert(has_hook<O, X>,
                "observer: it has none of the members on_start, on_step, on_correction, "
                "on_attempt and on_finish, so it would never be called");
}

}  // namespace detail

/// True for observers with on_correction.
template <class O, class X>
inline constexpr bool watches_corrections = requires(O& o, const X& x) {
  o.on_correction(CorrectionStep{}, x);
};

/// Calls on_start of an observer that has it.
template <class O, class X>
void notify_start(O& observer, const ObservedStep& step, const X& x) {
  detail::check_hooks<O, X>();
  if constexpr (requires { observer.on_start(step, x); }) observer.on_start(step, x);
}

/// Calls on_step of an observer that has it; stops the run if it returns StepAction::stop.
template <class O, class X>
StepAction notify_step(O& observer, const ObservedStep& step, const X& x) {
  if constexpr (requires { observer.on_step(step, x); }) {
    using Answer = decltype(observer.on_step(step, x));
    static_assert(std::same_as<Answer, void> || std::same_as<Answer, StepAction>,
                  "observer: on_step returns nothing, or StepAction::proceed or StepAction::stop");
    if constexpr (std::same_as<Answer, StepAction>)
      return observer.on_step(step, x);
    else
      observer.on_step(step, x);
  }
  return StepAction::proceed;
}

/// Calls on_correction of an observer that has it.
template <class O, class X>
void notify_correction(O& observer, const CorrectionStep& correction, const X& x) {
  if constexpr (watches_corrections<O, X>) observer.on_correction(correction, x);
}

/// Calls on_finish of an observer that has it.
template <class O, class X>
void notify_finish(O& observer, const X& x) {
  if constexpr (requires { observer.on_finish(x); }) observer.on_finish(x);
}

/// Stores copies of the state: the first, every `every`-th and the last. Allocates when it grows.
template <State X>
class Trajectory {
 public:
  struct Entry {
    double t = 0;
    X x;
  };

  /// Throws Error for every = 0.
  explicit Trajectory(std::size_t every = 1) : every_(every) {
    require(every >= 1, "trajectory: every is 0; it must be at least 1");
  }

  void on_start(const ObservedStep& step, const X& x) {
    entries_.clear();
    entries_.push_back({step.time.t, x});
  }
  void on_step(const ObservedStep& step, const X& x) {
    t_ = step.time.t_next;
    kept_ = (step.index + 1) % every_ == 0;
    if (kept_) entries_.push_back({t_, x});
  }
  void on_finish(const X& x) {
    if (!kept_) entries_.push_back({t_, x});
  }

  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }

 private:
  std::size_t every_;
  std::vector<Entry> entries_;
  double t_ = 0;
  bool kept_ = true;
};

/// Combines several observers, which are referenced, not copied. All are called, and any can stop
/// the run.
template <class... O>
class ObserverGroup {
 public:
  explicit ObserverGroup(O&... observers) : observers_(observers...) {}

  template <class X>
  void on_start(const ObservedStep& step, const X& x) {
    std::apply([&](auto&... o) { (notify_start(o, step, x), ...); }, observers_);
  }
  template <class X>
  StepAction on_step(const ObservedStep& step, const X& x) {
    StepAction action = StepAction::proceed;
    const auto tell = [&](auto& o) {
      if (notify_step(o, step, x) == StepAction::stop) action = StepAction::stop;
    };
    std::apply([&](auto&... o) { (tell(o), ...); }, observers_);
    return action;
  }
  template <class X>
  requires(watches_corrections<O, X> || ...) void on_correction(const CorrectionStep& correction,
                                                                const X& x) {
    std::apply([&](auto&... o) { (notify_correction(o, correction, x), ...); }, observers_);
  }
  template <class X>
  void on_attempt(const StepAttempts& attempts, const X& x) {
    std::apply([&](auto&... o) { (notify_attempt(o, attempts, x), ...); }, observers_);
  }
  template <class X>
  void on_finish(const X& x) {
    std::apply([&](auto&... o) { (notify_finish(o, x), ...); }, observers_);
  }

 private:
  std::tuple<O&...> observers_;
};

/// observe(a, b, …): calls a, then b, at every hook. The observers must outlive the run.
template <class... O>
[[nodiscard]] ObserverGroup<O...> observe(O&... observers) {
  return ObserverGroup<O...>(observers...);
}

}  // namespace scoresde
