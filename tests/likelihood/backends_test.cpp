// SPDX-License-Identifier: MIT
/// Eigen and xtensor states have the likelihoods of the host state with the same elements.
#include <cstddef>
#include <vector>

#include <scoresde/eigen/eigen_backend.hpp>
#include <scoresde/likelihood/bits_per_dim.hpp>
#include <scoresde/likelihood/discrete_likelihood_bound.hpp>
#include <scoresde/likelihood/latent_codes.hpp>
#include <scoresde/likelihood/likelihood_bound.hpp>
#include <scoresde/likelihood/probability_flow_likelihood.hpp>
#include <scoresde/score/gaussian_mixture.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/xtensor/xtensor_backend.hpp>

#include "support/catch.hpp"

using namespace scoresde;

namespace {

constexpr Extents shape{3, 4};

/// Everything the room computes for three points of four dimensions.
template <class X>
std::vector<double> results(X x) {
  const VpSde sde;
  GaussianMixture model(sde, {0.4, 0.6}, {1, 0, -1, 2, -0.5, 0.5, 2, 0}, {0.2, 0.3});
  for (std::size_t i = 0; i < shape.size(); ++i) x.data()[i] = static_cast<double>(20 * i);
  std::vector<double> all;
  const auto keep = [&](const std::vector<double>& values) {
    all.insert(all.end(), values.begin(), values.end());
  };
  const auto batch = dequantize(x, UniformDequantization<Centered>{}, Noise{.seed = 1}.draw(0));
  keep(DiscreteLikelihoodBound<>(DdpmSde(linear_betas(5))).evaluate(model, x, {}).negative_log_p);
  keep(LikelihoodBound(sde, 1e-3, {.objective = BoundObjective::sliced, .draws = 3})
           .evaluate(model, x, Noise{})
           .negative_log_p);
  X z = x;
  const HutchinsonTrace trace{.probes = 2};
  keep(bits_per_dim(ProbabilityFlowLikelihood{sde, AdaptiveRungeKutta<>{}, trace}
                        .log_likelihood(model, z, Noise{})
                        .log_p,
                    batch));
  z = x;
  keep(ProbabilityFlowLikelihood{sde, Heun{}, ExactTrace{}, uniform_grid(sde, 20)}
           .log_likelihood(model, z, Noise{})
           .log_p);
  spherical_interpolation(x, z, 0.3, x);
  apply_temperature(sde, 0.9, x);
  keep(std::vector<double>(x.data(), x.data() + shape.size()));
  return all;
}

}  // namespace

TEST_CASE("likelihoods are the same on host, Eigen and xtensor states") {
  const std::vector<double> expected = results(HostState<double>(shape));
  CHECK(expected.size() == 4 * shape.samples + shape.size());
  CHECK(results(Eigen::ArrayXXd(4, 3)) == expected);
  CHECK(results(xt::xtensor<double, 2>(xt::zeros<double>({3, 4}))) == expected);
}
