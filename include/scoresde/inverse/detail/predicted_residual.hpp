// SPDX-License-Identifier: MIT
/// What a predicted image leaves of a measurement, and the way back to x.
///
///   x̂₀ = a·x + b·F(x, t),   r = y − A x̂₀,   J = ∂x̂₀/∂x = a I + b ∂F/∂x
///
/// x̂₀ is Tweedie's formula (score/tweedie.hpp). DPS, ΠGDM and twisted SMC follow gradients Jᵀ Aᵀ w
/// of functions of r, which take one product vᵀ ∂F/∂x.
#pragma once

#include <utility>

#include <scoresde/inverse/linear_operator.hpp>
#include <scoresde/score/tweedie.hpp>
#include <scoresde/sde/sde.hpp>
#include <scoresde/state/scratch_state.hpp>

namespace scoresde::detail {

/// Refers to the problem's operator and measurement. Not thread-safe, as it has scratch memory.
template <Sde S, class A, State X>
class PredictedResidual {
 public:
  PredictedResidual(S sde, const LinearProblem<A, X>& problem)
      : sde_(std::move(sde)), problem_(problem) {}

  [[nodiscard]] const S& sde() const { return sde_; }
  [[nodiscard]] const LinearProblem<A, X>& problem() const { return problem_; }

  /// r from output = F(x, t); valid until the next call. Throws Error for x of other samples or
  /// dimension than the problem.
  template <class M>
  [[nodiscard]] X& residual(const char* method, M& model, const X& x, double t, const X& output) {
    problem_.check(method, x);
    form_ = tweedie_form(sde_.marginal_prob(t), model.score_form(t));
    X& predicted = predicted_.like(x);
    X& r = residual_.like(problem_.measurement());
    assign(predicted, {{form_.state, x}, {form_.output, output}});
    problem_.op().apply(predicted, r);
    assign(r, {{1, problem_.measurement()}, {-1, r}});
    return r;
  }
  /// x̂₀ of the last residual.
  [[nodiscard]] const X& predicted(const X& x) { return predicted_.like(x); }

  /// out ← Jᵀ v at the (x, t) of the last residual; out must not alias v.
  template <class M>
  requires DifferentiableScoreModel<M, X>
  void pull_back(M& model, const X& x, double t, const X& v, X& out) const {
    model.vjp(x, t, v, out);
    assign(out, {{form_.state, v}, {form_.output, out}});
  }

 private:
  S sde_;
  LinearProblem<A, X> problem_;
  ScoreForm form_{};
  ScratchState predicted_, residual_;
};

}  // namespace scoresde::detail
