// SPDX-License-Identifier: MIT
/// A grid over an SDE ends at its t_min().
// expect: SDE: t_min() const is missing or does not return double
#include <scoresde/scoresde.hpp>

struct OrnsteinUhlenbeck {
  double drift(double) const { return -1; }
  double diffusion(double) const { return 1; }
  scoresde::MarginalProb marginal_prob(double) const { return {}; }
  double prior_std() const { return 1; }
  double t_max() const { return 1; }
};

int main() { return static_cast<int>(scoresde::uniform_grid(OrnsteinUhlenbeck{}, 10).size()); }
