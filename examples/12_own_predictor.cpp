// SPDX-License-Identifier: MIT
/// A user-defined predictor: its exact mean and variance on Gaussian data, without sampling.
#include <cmath>
#include <cstdio>
#include <vector>

#include <scoresde/scoresde.hpp>
#include <scoresde/testing/chain_moments.hpp>
#include <scoresde/testing/convergence_order.hpp>

//! [own_predictor]
/// Ancestral sampling with a noise between the two posterior variances v std_next²/std² and v:
///   ln c² = w ln v + (1 − w) ln(v std_next²/std²)
/// Nichol & Dhariwal 2021 (arXiv:2102.09672), eq. 15.
struct InterpolatedAncestral {
  double w = 0.5;

  template <scoresde::Sde S>
  scoresde::StepCoefficients coefficients(const S& sde, scoresde::TimeStep step) const {
    const auto [mean, variance, std, std_next] = scoresde::transition(sde, step);
    return {1 / mean, variance / mean, std::sqrt(variance) * std::pow(std_next / std, 1 - w)};
  }
};
static_assert(scoresde::Predictor<InterpolatedAncestral, scoresde::VpSde>);
//! [own_predictor]

int main() {
  //! [moments]
  const scoresde::VpSde sde;
  scoresde::Gaussian data(sde, {1.0}, {0.25});
  const auto exact = [&](double t) {  // p_t = N(mean, 0.25 mean² + std²)
    const auto [mean, std] = sde.marginal_prob(t);
    return scoresde::testing::Moments{{mean}, {0.25 * mean * mean + std * std}};
  };
  const auto wanted = exact(sde.t_min());
  std::vector<scoresde::testing::ConvergencePoint> points;
  for (const std::size_t steps : {50, 100, 200, 400}) {
    const scoresde::PredictorCorrector sampler{sde,
                                               InterpolatedAncestral{},
                                               scoresde::log_snr_grid(sde, steps),
                                               {.final_step = scoresde::FinalStep::keep_noise}};
    const auto found = scoresde::testing::chain_moments(sampler, data, exact(sde.t_max()));
    points.push_back({double(steps), std::abs(found.covariance[0] - wanted.covariance[0])});
    std::printf("%3zu steps: mean %.6f (exactly %.6f), variance %.6f (exactly %.6f)\n", steps,
                found.mean[0], wanted.mean[0], found.covariance[0], wanted.covariance[0]);
  }
  const double order = scoresde::testing::observed_order(points).order;
  std::printf("observed weak order %.2f\n", order);
  //! [moments]
  return std::abs(order - 1) < 0.1 && points.back().error < 0.0125 ? 0 : 1;
}
