// SPDX-License-Identifier: MIT
/// Known measurements: what A measures is drawn from the forward process, and exact in the end.
///
///   x ← (I − A⁺A) x + A⁺(mean(t) y + std(t) A z)   after every update,   A x = y at the end
///
/// Song et al. 2021 (arXiv:2011.13456), appendix I.3, with the gray values of an image as y; there
/// an orthonormal basis whose first channel is gray makes the coordinates independent. The rows of
/// V do the same for any A, without being formed: A⁺A projects to them. As A x_t = mean(t) A x₀ +
/// std(t) A z, the law of what is known is exact for every A of full row rank, not only for
/// orthonormal rows, where A⁺ = Aᵀ.
#pragma once

#include <utility>

#include <scoresde/inverse/image_operators.hpp>
#include <scoresde/inverse/inpainting.hpp>
#include <scoresde/inverse/linear_operator.hpp>
#include <scoresde/sde/sde.hpp>
#include <scoresde/state/scratch_state.hpp>
#include <scoresde/time/time_grid.hpp>

namespace scoresde {

/// A Constraint that makes samples with A x = y for noise-free y. Refers to operator and y, which
/// must outlive it. Not thread-safe, as it has scratch memory.
template <Sde S, class A, State X>
class KnownMeasurement {
 public:
  static constexpr bool needs_before = false, needs_noise = true;

  /// Throws Error for y of another dimension than the operator's rows, and a singular operator.
  KnownMeasurement(S sde, const A& op, const X& y, KnownLevel level = KnownLevel::step_end)
      : sde_(std::move(sde)), problem_(op, y, 0), level_(level) {
    detail::require_full_rank("known measurement", op);
  }

  /// z is the draw that x was made of, from the prior or from the data at t. Throws Error for x of
  /// other samples or dimension than the problem.
  template <class Z>
  void after_start(X& x, double t, const Z& z) {
    if (level_ == KnownLevel::step_start) return after_end(x);
    replace_with_noise(x, sde_.marginal_prob(t), z);
  }
  /// z is a NoiseDraw or a state.
  template <class M, class Z>
  void after_update(const X&, X& x, TimeStep step, M&, const Z& z) {
    replace_with_noise(x, sde_.marginal_prob(detail::known_time(level_, step)), z);
  }
  void after_end(X& x) {
    problem_.check("known measurement", x);
    replace(x, problem_.measurement(), known_.like(x));
  }

 private:
  template <class Z>
  void replace_with_noise(X& x, MarginalProb p, const Z& z) {
    problem_.check("known measurement", x);
    X& known = known_.like(x);
    X& y = measured_.like(problem_.measurement());
    assign(known, {}, {1, z});
    problem_.op().apply(known, y);
    assign(y, {{p.mean, problem_.measurement()}, {p.std, y}});
    replace(x, y, known);
  }
  /// x ← x − A⁺A x + A⁺y: exact where A⁺ is a copy, as x − x = 0.
  void replace(X& x, const X& y, X& known) {
    X& measured = present_.like(y);
    X& projected = projected_.like(x);
    problem_.op().apply(x, measured);
    problem_.op().pseudo_inverse(measured, projected);
    problem_.op().pseudo_inverse(y, known);
    assign(x, {{1, x}, {-1, projected}, {1, known}});
  }

  S sde_;
  LinearProblem<A, X> problem_;
  KnownLevel level_;
  ScratchState known_, projected_, measured_, present_;
};

/// KnownMeasurement of the gray values of an image.
template <Sde S, State X>
using Colorization = KnownMeasurement<S, Gray, X>;

}  // namespace scoresde
