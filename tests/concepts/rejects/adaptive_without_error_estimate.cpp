// SPDX-License-Identifier: MIT
/// The classic Runge-Kutta method has no embedded error estimate to control a step by.
// expect: AdaptiveRungeKutta: the method has no embedded error estimate
#include <scoresde/scoresde.hpp>

int main() { scoresde::AdaptiveRungeKutta<scoresde::RungeKutta4> integrator; }
