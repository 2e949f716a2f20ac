// SPDX-License-Identifier: MIT
/// A measurement of Gaussian data, and samples of its posterior by PiGDM against the closed form.
#include <cmath>
#include <cstdio>
#include <vector>

#include <scoresde/scoresde.hpp>

using State = scoresde::HostState<double>;

int main() {
  //! [inverse_problem]
  // x ~ N(0, I) in the plane; y = x0 + x1 + 0.5 n is measured.
  const scoresde::VpSde sde;
  scoresde::Gaussian model(sde, {0, 0}, {1, 1});
  const scoresde::DenseOperator sum({1, 1}, 1, 2);
  const State y({4000, 1}, std::vector<double>(4000, 1.8));  // the same for every sample
  const scoresde::LinearProblem problem(sum, y, 0.5);

  State x({4000, 2});
  auto posterior = scoresde::pigdm(model, sde, problem, 1);  // of variance 1
  const scoresde::ProbabilityFlow flow{sde, scoresde::Heun{}, scoresde::quadratic_grid(sde, 50)};
  flow.sample(posterior, x, scoresde::Noise{.seed = 1});

  State particles({4000, 2});
  const scoresde::TwistedSmc smc(
      sde, scoresde::quadratic_grid(sde, 50),
      {.particles = 4000, .data_variance = 1, .variance = scoresde::PosteriorVariance::large});
  const auto found = smc.sample(model, problem, particles, scoresde::Noise{.seed = 2});
  //! [inverse_problem]

  // Exact: mean y/(2 + 0.25) in both elements, variance 1 − 1/2.25, covariance −1/2.25.
  const auto wrong = [](const char* name, const State& s, const auto& weight) {
    double mean = 0, variance = 0, covariance = 0;
    for (std::size_t k = 0; k < 4000; ++k) mean += weight(k) * s(k, 0);
    for (std::size_t k = 0; k < 4000; ++k) {
      variance += weight(k) * (s(k, 0) - mean) * (s(k, 0) - mean);
      covariance += weight(k) * (s(k, 0) - mean) * (s(k, 1) - 1.8 / 2.25);
    }
    std::printf("%-12s mean %.3f variance %.3f covariance %.3f\n", name, mean, variance,
                covariance);
    return std::abs(mean - 0.8) > 0.06 || std::abs(variance - 1.25 / 2.25) > 0.06 ||
           std::abs(covariance + 1 / 2.25) > 0.06;
  };
  std::printf("%-12s mean %.3f variance %.3f covariance %.3f\n", "exact", 0.8, 1.25 / 2.25,
              -1 / 2.25);
  return wrong("PiGDM", x, [](std::size_t) { return 1 / 4000.0; }) ||
         wrong("twisted SMC", particles, [&](std::size_t k) { return found.weights[k]; });
}
