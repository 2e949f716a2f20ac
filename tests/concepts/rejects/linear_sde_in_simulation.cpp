// SPDX-License-Identifier: MIT
/// A linear SDE returns the factors of its terms; AsGeneralSde converts them to terms.
// expect: Simulation: the first argument is not a general SDE; it needs drift(x, t) and
// diffusion(x, t), optionally with the element's index as third argument; AsGeneralSde makes one of
// a linear SDE
#include <scoresde/scoresde.hpp>

int main() {
  scoresde::Simulation simulation(scoresde::VpSde{}, scoresde::EulerMaruyama{},
                                  scoresde::uniform_grid(1, 0, 10).reversed());
}
