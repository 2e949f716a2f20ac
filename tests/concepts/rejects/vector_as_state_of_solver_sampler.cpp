// SPDX-License-Identifier: MIT
/// A std::vector of numbers is not a batch of points without a backend.
// expect: sampler: no Backend is known for this state; specialize scoresde::backend_of with
// `static auto of(const X&)`
#include <vector>

#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::VpSde sde;
  const scoresde::SolverSampler sampler{sde, scoresde::DpmSolver<2>{},
                                        scoresde::log_snr_grid(sde, 10)};
  auto model = scoresde::score_function(
      [](const std::vector<double>& x, double, std::vector<double>& out) { out = x; });
  std::vector<double> x(100);
  sampler.sample(model, x, scoresde::Noise{.seed = 1});
}
