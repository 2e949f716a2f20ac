// SPDX-License-Identifier: MIT
/// Euler-Maruyama is a predictor; the flow's fixed-step method is called Euler.
// expect: ProbabilityFlow: the second argument is neither a Runge-Kutta method by name nor an ODE
// integrator
#include <scoresde/scoresde.hpp>

int main() {
  scoresde::ProbabilityFlow flow(scoresde::VpSde{}, scoresde::EulerMaruyama{},
                                 scoresde::uniform_grid(1, 1e-3, 10));
}
