// SPDX-License-Identifier: MIT
/// The same Brownian path at 50, 100 and 200 steps: only the discretization error differs.
#include <cmath>
#include <cstddef>
#include <cstdio>

#include <scoresde/scoresde.hpp>

using State = scoresde::HostState<double>;

namespace {

double distance(const State& a, const State& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::pow(a.data()[i] - b.data()[i], 2);
  return std::sqrt(sum / static_cast<double>(a.size()));
}

}  // namespace

int main() {
  //! [brownian_path]
  const scoresde::VpSde sde;
  // Two clusters in the plane.
  scoresde::GaussianMixture model(sde, {0.5, 0.5}, {-2, 0, 2, 1}, {0.1, 0.1});
  const auto sample = [&](std::size_t steps, const auto& noise) {
    const scoresde::PredictorCorrector sampler{sde, scoresde::Ancestral{},
                                               scoresde::log_snr_grid(sde, steps)};
    State x({500, 2});
    sampler.sample(model, x, noise);
    return x;
  };

  const scoresde::Noise noise{.seed = 1};
  const scoresde::BrownianPath path(State({500, 2}), noise, scoresde::LogSnrClock(sde));
  const State coarse = sample(50, path), middle = sample(100, path), fine = sample(200, path);
  //! [brownian_path]

  const double first = distance(coarse, middle), second = distance(middle, fine);
  const double apart = distance(sample(100, noise), sample(200, noise));
  std::printf("one path:          %.4f between 50 and 100 steps, %.4f between 100 and 200\n", first,
              second);
  std::printf("independent noise: %.4f between 100 and 200 steps\n", apart);
  return second < 0.75 * first && second < 0.2 * apart ? 0 : 1;
}
