// SPDX-License-Identifier: MIT
/// Drift and diffusion alone do not satisfy Sde: predictors and losses need the marginal.
// expect: SDE: marginal_prob(double t) const is missing or does not return scoresde::MarginalProb
#include <scoresde/scoresde.hpp>

struct OrnsteinUhlenbeck {
  double drift(double) const { return -1; }
  double diffusion(double) const { return 1; }
  double prior_std() const { return 1; }
  double t_min() const { return 1e-3; }
  double t_max() const { return 1; }
};

int main() {
  scoresde::PredictorCorrector sampler(OrnsteinUhlenbeck{}, scoresde::EulerMaruyama{},
                                       scoresde::NoCorrector{},
                                       scoresde::uniform_grid(1, 1e-3, 10));
}
