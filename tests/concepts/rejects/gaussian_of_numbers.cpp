// SPDX-License-Identifier: MIT
/// Mean and covariance are vectors.
// expect: Gaussian: an argument is missing or not in its place; it takes (sde, mean, covariance)
#include <scoresde/scoresde.hpp>

int main() {
  const scoresde::VpSde sde;
  scoresde::Gaussian model(sde, 0.0, 1.0);
}
