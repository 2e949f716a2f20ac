// SPDX-License-Identifier: MIT
/// A prior is drawn into a state.
// expect: sampler: no Backend is known for this state
#include <vector>

#include <scoresde/noise/noise.hpp>
#include <scoresde/sampler/prior.hpp>
#include <scoresde/sde/vp_sde.hpp>

int main() {
  std::vector<double> x(4);
  draw_prior(scoresde::VpSde(), x, scoresde::Noise{}.draw(0));
}
