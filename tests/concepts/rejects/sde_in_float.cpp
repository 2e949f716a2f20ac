// SPDX-License-Identifier: MIT
/// Coefficients are doubles for any scalar type of the state.
// expect: SDE: drift(double t) const is missing or does not return double
#include <scoresde/scoresde.hpp>

struct OrnsteinUhlenbeck {
  float drift(float) const { return -1; }
  float diffusion(float) const { return 1; }
  scoresde::MarginalProb marginal_prob(float) const { return {}; }
  float prior_std() const { return 1; }
  float t_min() const { return 1e-3F; }
  float t_max() const { return 1; }
};

int main() {
  const OrnsteinUhlenbeck sde;
  scoresde::PredictorCorrector sampler(sde, scoresde::EulerMaruyama{}, scoresde::NoCorrector{},
                                       scoresde::uniform_grid(sde, 10));
}
