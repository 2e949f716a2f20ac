// SPDX-License-Identifier: MIT
/// A user-defined SDE: its laws tested, and run with every sampler.
#include <cmath>
#include <cstdio>
#include <numbers>
#include <vector>

#include <scoresde/scoresde.hpp>
#include <scoresde/testing/sde_laws.hpp>

#include "every_sampler.hpp"

//! [own_sde]
/// Cosine variance-preserving SDE: mean cos(πt/2), std sin(πt/2); f = mean'/mean, g² = −2f.
struct CosineSde {
  double drift(double t) const { return -0.5 * std::numbers::pi * std::tan(angle(t)); }
  double diffusion(double t) const { return std::sqrt(-2 * drift(t)); }
  scoresde::MarginalProb marginal_prob(double t) const {
    return {std::cos(angle(t)), std::sin(angle(t))};
  }
  double prior_std() const { return 1; }
  double t_min() const { return 1e-3; }
  double t_max() const { return 0.99; }

 private:
  static double angle(double t) { return 0.5 * std::numbers::pi * t; }
};
static_assert(scoresde::Sde<CosineSde>);  // its signatures; check_sde_laws tests the laws
//! [own_sde]

int main() {
  const CosineSde sde;
  bool right = true;
  //! [check]
  for (const std::string& violation : scoresde::testing::check_sde_laws(sde))
    std::printf("%s\n", violation.c_str()), right = false;
  //! [check]

  // Data N(1.5, 0.25) in each of 32 coordinates.
  constexpr std::size_t dim = 32;
  scoresde::Gaussian model(sde, std::vector<double>(dim, 1.5), std::vector<double>(dim, 0.25));
  const auto use = [&](const char* name, const auto& sampler) {
    scoresde::HostState<double> x({500, dim});
    const auto run = sampler.sample(model, x, scoresde::Noise{.seed = 5});
    double mean = 0, variance = 0;
    for (std::size_t i = 0; i < x.size(); ++i) mean += x.data()[i] / double(x.size());
    for (std::size_t i = 0; i < x.size(); ++i)
      variance += (x.data()[i] - mean) * (x.data()[i] - mean) / double(x.size());
    std::printf("%-30s nfe %5zu   mean %.4f   variance %.4f\n", name, run.nfe, mean, variance);
    right = right && std::abs(mean - 1.5) < 0.02 && std::abs(variance - 0.25) < 0.02;
  };
  for_every_sampler(sde, 200, use);
  for_every_adaptive_sampler(sde, use);
  return right ? 0 : 1;
}
