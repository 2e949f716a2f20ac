// SPDX-License-Identifier: MIT
/// The flow of a general SDE is not a linear form and has a separate sampler.
// expect: ProbabilityFlow: this SDE is a general one, without the closed-form marginal of
// marginal_prob(t); use GeneralProbabilityFlow
#include <scoresde/scoresde.hpp>

struct GeometricBrownianMotion {
  double drift(double x, double) const { return 0.1 * x; }
  double diffusion(double x, double) const { return 0.2 * x; }
};

int main() {
  scoresde::ProbabilityFlow sampler(GeometricBrownianMotion{}, scoresde::Heun{},
                                    scoresde::uniform_grid(1, 0, 10));
}
