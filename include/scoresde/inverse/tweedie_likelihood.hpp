// SPDX-License-Identifier: MIT
/// The likelihood of a measurement with the covariance that the score itself implies.
///
///   Cov[x₀ | x_t] = (std²/mean)·J,   J = ∂x̂₀/∂x
///   ∇ log p(y | x_t) ≈ Jᵀ Aᵀ (A Cov Aᵀ + σ_y² I)⁻¹ (y − A x̂₀)
///
/// The covariance is the second-order Tweedie formula (Efron 2011; Boys et al. 2023,
/// arXiv:2310.06721, eq. 5). The gradient is exact for Gaussian data of any covariance. The system
/// is solved by conjugate gradients, a vjp per iteration.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>

#include <scoresde/inverse/detail/conjugate_gradients.hpp>
#include <scoresde/inverse/detail/predicted_residual.hpp>
#include <scoresde/inverse/linear_operator.hpp>
#include <scoresde/sde/sde.hpp>

namespace scoresde {

struct TweedieLikelihoodOptions {
  std::size_t iterations = 0;  ///< at most; 0 for four times the operator's rows
  double tolerance = 1e-12;    ///< of the residual of the system, relative to y − A x̂₀
};

/// Requires only apply and adjoint of the operator. Refers to the problem's operator and
/// measurement. Not thread-safe, as it has scratch memory.
template <Sde S, class A, State X>
class TweedieLikelihood {
 public:
  /// Throws Error for a tolerance outside [0, 1).
  TweedieLikelihood(S sde, const LinearProblem<A, X>& problem,
                    TweedieLikelihoodOptions options = {})
      : residual_(std::move(sde), problem),
        solver_(options.iterations > 0 ? options.iterations : 4 * problem.op().rows(),
                options.tolerance) {}

  [[nodiscard]] const S& sde() const { return residual_.sde(); }

  /// gradient ← ∇ log p(y | x_t) at (x, t) from output = F(x, t).
  template <class M>
  void gradient(M& model, const X& x, double t, const X& output, X& gradient) {
    const X& r = residual_.residual("Tweedie likelihood", model, x, t, output);
    const MarginalProb p = sde().marginal_prob(t);
    const double covariance = p.std * p.std / p.mean;
    const double noise = residual_.problem().noise_std() * residual_.problem().noise_std();
    const A& op = residual_.problem().op();
    X& u = solution_.like(r);
    X &v = vector_.like(x), &pulled = pulled_.like(x);
    solver_.solve(
        [&](const X& direction, X& mapped) {
          op.adjoint(direction, v);
          residual_.pull_back(model, x, t, v, pulled);
          op.apply(pulled, mapped);
          assign(mapped, {{covariance, mapped}, {noise, direction}});
        },
        r, u);
    op.adjoint(u, v);
    residual_.pull_back(model, x, t, v, gradient);
  }

 private:
  detail::PredictedResidual<S, A, X> residual_;
  detail::ConjugateGradients<X> solver_;
  ScratchState solution_, vector_, pulled_;
};

}  // namespace scoresde
