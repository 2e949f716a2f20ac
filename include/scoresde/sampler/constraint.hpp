// SPDX-License-Identifier: MIT
/// Constraint: what is applied to the state after each update of a sampler.
///
///   x ← sampler's update of x,   x ← constraint(x before the update, x, step)
///
/// Inpainting and colorization replace a known part of x (Song et al. 2021, arXiv:2011.13456,
/// appendix I.2 and I.3), DPS takes a gradient step (Chung et al. 2023, arXiv:2209.14687, algorithm
/// 1). inverse/ holds the constraints of the library.
#pragma once

#include <concepts>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <scoresde/noise/noise.hpp>
#include <scoresde/state/backend.hpp>
#include <scoresde/time/time_grid.hpp>

namespace scoresde {

/// after_update(before, x, step, model, z) is called after every update of x: with step = {t,
/// t_next} after a predictor step or solver stage, with step = {t, t} after the corrections at t. z
/// is a NoiseDraw or a state, the next draw of the run where needs_noise is true; a constraint
/// without noise consumes no draw. `before` is the state before the update where needs_before is
/// true, and x itself otherwise.
///
/// Optional members: after_start(x, t, z) once before the first step, at its time t, where z is
/// draw 0, that of the prior; after_end(x) once after the last, the final evaluation included,
/// unless an observer stopped the run. Observers see x after the constraint. Evaluations of the
/// model by the constraint are not counted in the sampler's nfe.
template <class C, class M, class X, class Z = NoiseDraw>
concept Constraint = State<X> &&
    requires(C& constraint, const X& before, X& x, TimeStep step, M& model, const Z& z) {
  { C::needs_before } -> std::convertible_to<bool>;
  { C::needs_noise } -> std::convertible_to<bool>;
  { constraint.after_update(before, x, step, model, z) } -> std::same_as<void>;
};

/// Changes nothing, at no cost.
struct NoConstraint {
  static constexpr bool needs_before = false, needs_noise = false;
  template <class X, class M, class Z>
  void after_update(const X&, X&, TimeStep, M&, const Z&) const {}
};

namespace detail {

/// What a constraint receives as z: the draws of N, or an unused NoiseDraw.
template <class C, class N>
using ConstraintDraw =
    std::conditional_t<C::needs_noise,
                       std::remove_cvref_t<decltype(std::declval<const N&>().draw(0))>, NoiseDraw>;

/// Instantiating it reports a constraint that does not fit the run.
template <class C, class M, class X, class N>
struct ConstraintArgument {
  static_assert(
      requires {
        { C::needs_before } -> std::convertible_to<bool>;
        { C::needs_noise } -> std::convertible_to<bool>;
      },
      "sampler: the constraint is not a Constraint; it needs static constexpr bool needs_before and"
      " needs_noise, and after_update(before, x, TimeStep, model, z) returning void");
  static constexpr bool fits = [] {
    if constexpr (requires { C::needs_before, C::needs_noise; })
      return Constraint<C, M, X, ConstraintDraw<C, N>>;
    return true;
  }();
  static_assert(fits,
                "sampler: the constraint does not fit this model, state and noise; it needs "
                "after_update(const State& before, State& x, TimeStep, model, z) returning void, "
                "and gradients of the model (Dps, Mcg, AdaptivePiGdm) need its vjp(x, t, v, out)");
  static_assert(
      !requires { &C::after_start; } ||
          requires(C & constraint, X& x, const ConstraintDraw<C, N>& z) {
            constraint.after_start(x, 0.0, z);
          },
      "constraint: after_start is called as after_start(State& x, double t, z)");
  static_assert(
      !requires { &C::after_end; } || requires(C & constraint, X& x) { constraint.after_end(x); },
      "constraint: after_end is called as after_end(State& x)");
  static constexpr bool checked = true;
};

/// The state before an update, where a constraint needs it.
template <class X, bool wanted>
struct StateBefore {
  explicit StateBefore(const X& x) : state(backend(x).make_like(x)) {}
  X state;
};
template <class X>
struct StateBefore<X, false> {
  explicit StateBefore(const X&) {}
};

/// A constraint in one run. Allocates a state if the constraint needs the one before an update.
template <class C, class M, class X, class N>
class ConstrainedRun {
 public:
  ConstrainedRun(C& constraint, M& model, X& x, const N& noise)
      : constraint_(constraint), model_(model), x_(x), noise_(noise), before_(x) {}

  void start(double t) {
    if constexpr (requires(const ConstraintDraw<C, N>& z) { constraint_.after_start(x_, t, z); })
      with_draw(0, [&](const auto& z) { constraint_.after_start(x_, t, z); });
  }
  /// Must be called before every update that is followed by `updated`.
  void updates() {
    if constexpr (C::needs_before) assign(before_.state, {{1, x_}});
  }
  /// Increments `draw` if it is used.
  void updated(TimeStep step, std::uint64_t& draw) {
    with_draw(draw, [&](const auto& z) {
      if constexpr (C::needs_before)
        constraint_.after_update(before_.state, x_, step, model_, z);
      else
        constraint_.after_update(x_, x_, step, model_, z);
    });
    if constexpr (C::needs_noise) ++draw;
  }
  void finish() {
    if constexpr (requires { constraint_.after_end(x_); }) constraint_.after_end(x_);
  }

 private:
  template <class Use>
  void with_draw(std::uint64_t index, const Use& use) {
    if constexpr (C::needs_noise)
      use(noise_.draw(index));
    else
      use(NoiseDraw{});
  }

  C& constraint_;
  M& model_;
  X& x_;
  const N& noise_;
  [[no_unique_address]] StateBefore<X, C::needs_before> before_;
};

}  // namespace detail
}  // namespace scoresde
