// SPDX-License-Identifier: MIT
/// The score of a mixture depends on the SDE that adds noise to its data.
// expect: GaussianMixture: the SDE is missing; it takes (sde, weights, means, variances)
#include <vector>

#include <scoresde/score/gaussian_mixture.hpp>

int main() {
  const std::vector<double> weights{1}, means{0, 0}, variances{1};
  const scoresde::GaussianMixture model(weights, means, variances);
}
