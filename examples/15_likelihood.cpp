// SPDX-License-Identifier: MIT
/// The log-likelihoods of a mixture: by the probability flow, by a bound, and in closed form.
//! [likelihood]
#include <cmath>
#include <cstdio>

#include <scoresde/scoresde.hpp>

int main() {
  using X = scoresde::HostState<double>;
  // Weights 0.5, 0.3, 0.2; means (-2, 0), (2, 0), (0, 3); variances 0.1.
  const scoresde::VpSde sde;
  scoresde::GaussianMixture model(sde, {0.5, 0.3, 0.2}, {-2, 0, 2, 0, 0, 3}, {0.1, 0.1, 0.1});
  const X x({.samples = 4, .dim = 2}, {-2, 0, 2, 0.3, 0, 2.5, 0, 0});

  const scoresde::AdaptiveRungeKutta<> solver;
  const scoresde::ProbabilityFlowLikelihood exact{sde, solver, scoresde::ExactTrace{}};
  const scoresde::ProbabilityFlowLikelihood estimate{sde, solver,
                                                     scoresde::HutchinsonTrace{.probes = 64}};
  const scoresde::LikelihoodBound bound(sde, sde.t_min(), {.draws = 1000});

  X z = x, code = x;  // replaced by their latent codes
  const auto a = exact.log_likelihood(model, z, scoresde::Noise{.seed = 1});
  const auto b = estimate.log_likelihood(model, code, scoresde::Noise{.seed = 1});
  const auto c = bound.evaluate(model, x, scoresde::Noise{.seed = 1});

  std::puts("closed form   exact trace   64 probes           lower bound");
  bool right = true;
  for (std::size_t k = 0; k < 4; ++k) {
    const double log_p = model.log_density(x[k], sde.t_min());
    std::printf("%11.4f %13.4f %11.4f +- %.4f %11.4f +- %.4f\n", log_p, a.log_p[k], b.log_p[k],
                b.standard_error[k], -c.negative_log_p[k], c.standard_error[k]);
    // The prior N(0, I) is not exactly the distribution at T: some 1e-2 nats.
    right = right && std::abs(a.log_p[k] - log_p) < 0.05;
    right = right && std::abs(b.log_p[k] - a.log_p[k]) < 4 * b.standard_error[k] + 1e-3;
  }
  return right ? 0 : 1;
}
//! [likelihood]
