// SPDX-License-Identifier: MIT
/// Gaussian data have a mean and a covariance.
// expect: Gaussian: the covariance is missing; it takes (sde, mean, covariance)
#include <scoresde/score/gaussian.hpp>
#include <scoresde/sde/vp_sde.hpp>

int main() { const scoresde::Gaussian model(scoresde::VpSde(), {0, 0}); }
