// SPDX-License-Identifier: MIT
/// A user-defined state (points.hpp): tested, and run with every sampler.
#include <cmath>
#include <cstdio>
#include <vector>

#include <scoresde/scoresde.hpp>
#include <scoresde/testing/backend_conformance.hpp>

#include "every_sampler.hpp"
#include "points.hpp"

int main() {
  bool right = true;
  //! [check]
  for (const scoresde::Extents shape : scoresde::testing::awkward_extents)
    for (const std::string& violation :
         scoresde::testing::check_backend(Points{shape.samples, shape.dim}))
      std::printf("%s\n", violation.c_str()), right = false;
  //! [check]

  // Data N(1.5, 0.25) in each of 32 coordinates. HostState has the same noise, so the samples must
  // be equal up to rounding.
  constexpr std::size_t samples = 100, dim = 32;
  const scoresde::VpSde sde;
  scoresde::Gaussian model(sde, std::vector<double>(dim, 1.5), std::vector<double>(dim, 0.25));
  const auto use = [&](const char* name, const auto& sampler) {
    Points x{samples, dim};
    scoresde::HostState<double> host({samples, dim});
    const auto run = sampler.sample(model, x, scoresde::Noise{.seed = 9});
    sampler.sample(model, host, scoresde::Noise{.seed = 9});
    double mean = 0, apart = 0;
    for (std::size_t i = 0; i < samples * dim; ++i) {
      mean += x.values[i] / (samples * dim);
      apart = std::fmax(apart, std::abs(x.values[i] - host.data()[i]));
    }
    std::printf("%-30s nfe %5zu   mean %.4f   from HostState %.1e\n", name, run.nfe, mean, apart);
    // The standard error of the mean is 0.009.
    right = right && std::abs(mean - 1.5) < 0.04 && apart < 1e-9;
  };
  for_every_sampler(sde, 200, use);
  for_every_adaptive_sampler(sde, use);
  return right ? 0 : 1;
}
