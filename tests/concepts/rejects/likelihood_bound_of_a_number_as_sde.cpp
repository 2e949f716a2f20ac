// SPDX-License-Identifier: MIT
/// A number is not an SDE.
// expect: SDE: drift(double t) const is missing or does not return double
#include <scoresde/scoresde.hpp>

int main() { scoresde::LikelihoodBound bound{1, 1e-5}; }
