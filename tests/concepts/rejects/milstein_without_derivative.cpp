// SPDX-License-Identifier: MIT
/// Milstein's correction contains the derivative of the diffusion.
// expect: Simulation: this scheme needs the derivative of the diffusion in x; give the SDE
// diffusion_derivative(x, t), or use EulerMaruyama or DerivativeFreeMilstein
#include <scoresde/scoresde.hpp>

struct GeometricBrownianMotion {
  double drift(double x, double) const { return 0.1 * x; }
  double diffusion(double x, double) const { return 0.2 * x; }
};

int main() {
  scoresde::Simulation simulation(GeometricBrownianMotion{}, scoresde::Milstein{},
                                  scoresde::uniform_grid(1, 0, 10).reversed());
}
