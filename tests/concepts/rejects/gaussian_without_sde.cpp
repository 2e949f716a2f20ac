// SPDX-License-Identifier: MIT
/// The score of Gaussian data depends on the SDE that adds noise to them.
// expect: Gaussian: the SDE is missing; it takes (sde, mean, covariance)
#include <scoresde/score/gaussian.hpp>

int main() { const scoresde::Gaussian model({0, 0}, {1, 1}); }
