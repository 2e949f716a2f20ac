// SPDX-License-Identifier: MIT
/// The classic Runge-Kutta method has no embedded error estimate for step-size control.
// expect: AdaptiveRungeKutta: the method must have an embedded error estimate and a last stage
#include <scoresde/scoresde.hpp>

int main() { scoresde::AdaptiveRungeKutta<scoresde::RungeKutta4> integrator; }
