// SPDX-License-Identifier: MIT
/// The reverse drift contains the derivative of the squared diffusion.
// expect: ReverseSimulation: the reverse drift needs the derivative of the diffusion in x; give the
// SDE diffusion_derivative(x, t), which is 0 where the noise is additive
#include <scoresde/scoresde.hpp>

struct GeometricBrownianMotion {
  double drift(double x, double) const { return 0.1 * x; }
  double diffusion(double x, double) const { return 0.2 * x; }
};

int main() {
  scoresde::ReverseSimulation sampler(GeometricBrownianMotion{}, scoresde::EulerMaruyama{},
                                      scoresde::uniform_grid(1, 0, 10));
}
