// SPDX-License-Identifier: MIT
/// The log-SNR is that of mean and std by name.
// expect: SDE: marginal_prob(double t) const is missing or does not return scoresde::MarginalProb
#include <utility>

#include <scoresde/time/log_snr_grid.hpp>

struct Pair {
  double drift(double) const { return 0; }
  double diffusion(double) const { return 1; }
  std::pair<double, double> marginal_prob(double) const { return {1, 1}; }
  double prior_std() const { return 1; }
  double t_min() const { return 0; }
  double t_max() const { return 1; }
};

int main() { scoresde::log_snr_grid(Pair(), 10); }
