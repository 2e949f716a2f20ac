// SPDX-License-Identifier: MIT
/// Exact scores have the same requirements on an SDE as samplers.
// expect: SDE: prior_std() const is missing or does not return double
#include <scoresde/scoresde.hpp>

struct OrnsteinUhlenbeck {
  double drift(double) const { return -1; }
  double diffusion(double) const { return 1; }
  scoresde::MarginalProb marginal_prob(double) const { return {}; }
  float prior_std() const { return 1; }
  double t_min() const { return 1e-3; }
  double t_max() const { return 1; }
};

int main() { scoresde::Gaussian model(OrnsteinUhlenbeck{}, {0, 0}, {1, 1}); }
