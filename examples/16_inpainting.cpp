// SPDX-License-Identifier: MIT
/// Inpainting in the plane: the first coordinate of each point is known, the second is sampled.
#include <cmath>
#include <cstdio>

#include <scoresde/scoresde.hpp>

using State = scoresde::HostState<double>;

int main() {
  //! [inpainting]
  // Two clusters: the first coordinate determines the cluster, and so the second.
  const scoresde::VpSde sde;
  scoresde::GaussianMixture model(sde, {0.5, 0.5}, {-2, 1, 2, -1}, {0.05, 0.05});
  const State mask({4, 2}, {1, 0, 1, 0, 1, 0, 1, 0});        // one point per row
  const State data({4, 2}, {-2, 0, 2, 0, -1.9, 0, 2.1, 0});  // what the mask hides is not read
  scoresde::Inpainting inpainting(sde, mask, data);

  State x({4, 2});
  const scoresde::PredictorCorrector sampler{sde, scoresde::Ancestral{},
                                             scoresde::quadratic_grid(sde, 200)};
  sampler.sample(model, x, scoresde::Noise{.seed = 1}, scoresde::NoObserver{}, inpainting);
  //! [inpainting]

  bool right = true;
  for (std::size_t k = 0; k < 4; ++k) {
    std::printf("known %5.2f  sampled %5.2f\n", x(k, 0), x(k, 1));
    right = right && x(k, 0) == data(k, 0) && std::abs(x(k, 1) + 0.5 * x(k, 0)) < 1;
  }
  return right ? 0 : 1;
}
