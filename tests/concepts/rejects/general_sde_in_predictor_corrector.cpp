// SPDX-License-Identifier: MIT
/// Predictors require a marginal in closed form.
// expect: PredictorCorrector: this SDE is a general one, without the closed-form marginal of
// marginal_prob(t); use ReverseSimulation, or Simulation forward in time
#include <scoresde/scoresde.hpp>

struct GeometricBrownianMotion {
  double drift(double x, double) const { return 0.1 * x; }
  double diffusion(double x, double) const { return 0.2 * x; }
};

int main() {
  scoresde::PredictorCorrector sampler(GeometricBrownianMotion{}, scoresde::EulerMaruyama{},
                                       scoresde::NoCorrector{}, scoresde::uniform_grid(1, 0, 10));
}
