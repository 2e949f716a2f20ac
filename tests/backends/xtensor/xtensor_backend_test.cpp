// SPDX-License-Identifier: MIT
#include <vector>

#include <scoresde/corrector/no_corrector.hpp>
#include <scoresde/predictor/ancestral.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/score/gaussian.hpp>
#include <scoresde/score/thresholding.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/with_prior_mean.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/testing/backend_conformance.hpp>
#include <scoresde/xtensor/xtensor_backend.hpp>

#include "support/catch.hpp"

using namespace scoresde;

namespace {

const std::vector<std::string> nothing;

}  // namespace

TEST_CASE("xtensor containers satisfy the backend requirements in float and double") {
  for (const auto [samples, dim] : testing::awkward_extents) {
    CHECK(testing::check_backend(xt::xtensor<float, 2>(xt::zeros<float>({samples, dim}))) ==
          nothing);
    CHECK(testing::check_backend(xt::xarray<double>(xt::zeros<double>({samples, dim}))) == nothing);
  }
}

TEST_CASE(
    "a batch of images satisfies the backend requirements, with a static or dynamic number of "
    "axes") {
  CHECK(testing::check_backend(xt::xtensor<float, 4>(xt::zeros<float>({2, 3, 5, 7}))) == nothing);
  CHECK(testing::check_backend(xt::xarray<float>(xt::zeros<float>({3, 1, 4, 4}))) == nothing);
}

TEST_CASE("the leading axis is the number of samples") {
  CHECK(extents(xt::xtensor<float, 4>(xt::zeros<float>({2, 3, 5, 7}))) == Extents{2, 105});
  CHECK(extents(xt::xtensor<double, 1>(xt::zeros<double>({6}))) == Extents{6, 1});
}

TEST_CASE("make_like keeps the axes of an image") {
  const xt::xarray<float> x = xt::ones<float>({2, 3, 5, 7});
  const xt::xarray<float> y = backend(x).make_like(x);
  CHECK((y.shape() == x.shape()));
  CHECK(xt::all(xt::equal(y, 0.0f)));
}

TEST_CASE("sample k of a batch is the image [k, c, h, w] of the memory layout") {
  xt::xtensor<float, 4> x = xt::zeros<float>({2, 3, 4, 5});
  const NoiseDraw draw = Noise{.seed = 8}.draw(1);
  backend(x).assign(x, std::span<const Term<xt::xtensor<float, 4>>>(), NoiseTerm{1, draw});
  float z[60];
  fill_normal(z, draw, 1, 0);
  CHECK(x(1, 2, 3, 4) == z[59]);
  CHECK(x(1, 1, 0, 2) == z[22]);
}

TEST_CASE("an xtensor container without axes is rejected") {
  const xt::xarray<float> x(1.0f);
  CHECK_THROWS_AS(extents(x), Error);
}

TEST_CASE(
    "thresholding and a prior mean give the same result for an xtensor container as for a host "
    "state") {
  const VeSde sde({.sigma_max = 4});
  Gaussian data(sde, std::vector<double>(6, 0.5), std::vector<double>(6, 0.8));
  DynamicallyThresholdedDenoiser limited(data, sde, {.quantile = 0.7});
  ClippedDenoiser clipped(limited, sde, {-0.5, 0.5});
  const PredictorCorrector sampler{WithPriorMean(sde, 0.5), Ancestral{}, NoCorrector{},
                                   uniform_grid(sde, 10)};
  HostState<float> host({3, 6});
  xt::xtensor<float, 4> x = xt::zeros<float>({3, 1, 2, 3});
  sampler.sample(clipped, host, Noise{.seed = 3});
  sampler.sample(clipped, x, Noise{.seed = 3});
  for (std::size_t i = 0; i < host.size(); ++i)
    CHECK(x.data()[i] == Approx(host.data()[i]).margin(1e-5));
}
