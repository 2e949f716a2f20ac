// SPDX-License-Identifier: MIT
/// Times and coefficients of an SDE are double.
// expect: SDE: drift(double t) const is missing or does not return double
#include <scoresde/sde/with_prior_mean.hpp>

struct Single {
  float drift(float) const { return 0; }
  double diffusion(double) const { return 1; }
  scoresde::MarginalProb marginal_prob(double) const { return {1, 1}; }
  double prior_std() const { return 1; }
  double t_min() const { return 0; }
  double t_max() const { return 1; }
};

int main() { scoresde::WithPriorMean(Single(), 1.0); }
