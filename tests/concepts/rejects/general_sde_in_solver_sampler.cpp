// SPDX-License-Identifier: MIT
/// Exponential integrators solve the linear part exactly; a general SDE has no linear part.
// expect: SolverSampler: this SDE is a general one, without the closed-form marginal of
// marginal_prob(t); use GeneralProbabilityFlow or ReverseSimulation
#include <scoresde/scoresde.hpp>

struct GeometricBrownianMotion {
  double drift(double x, double) const { return 0.1 * x; }
  double diffusion(double x, double) const { return 0.2 * x; }
};

int main() {
  scoresde::SolverSampler sampler(GeometricBrownianMotion{}, scoresde::DdimSolver{},
                                  scoresde::uniform_grid(1, 0, 10));
}
