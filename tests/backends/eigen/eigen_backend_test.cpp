// SPDX-License-Identifier: MIT
#include <vector>

#include <scoresde/corrector/no_corrector.hpp>
#include <scoresde/eigen/eigen_backend.hpp>
#include <scoresde/predictor/ancestral.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/score/gaussian.hpp>
#include <scoresde/score/thresholding.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/with_prior_mean.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/testing/backend_conformance.hpp>

#include "support/catch.hpp"

using namespace scoresde;

namespace {

const std::vector<std::string> nothing;

template <class X>
X state(Extents shape) {
  return X::Zero(static_cast<Eigen::Index>(shape.dim), static_cast<Eigen::Index>(shape.samples));
}

template <class X>
void check_conformance() {
  for (const Extents shape : testing::awkward_extents) {
    if (X::RowsAtCompileTime != Eigen::Dynamic && X::RowsAtCompileTime != int(shape.dim)) continue;
    CHECK(testing::check_backend(state<X>(shape)) == nothing);
  }
}

}  // namespace

TEST_CASE("dense Eigen arrays satisfy the backend requirements in float and double") {
  check_conformance<Eigen::ArrayXXf>();
  check_conformance<Eigen::ArrayXXd>();
}

TEST_CASE("Eigen matrices satisfy the backend requirements") {
  check_conformance<Eigen::MatrixXf>();
}

TEST_CASE("Eigen arrays with a fixed number of rows satisfy the backend requirements") {
  check_conformance<Eigen::Array<double, 2, Eigen::Dynamic>>();
  check_conformance<Eigen::Array<float, 7, Eigen::Dynamic>>();
  CHECK(testing::check_backend(Eigen::Array<float, 1, Eigen::Dynamic>(5)) == nothing);
}

TEST_CASE("an Eigen vector is one sample and a fixed array is a state") {
  CHECK(extents(Eigen::ArrayXd(5)) == Extents{1, 5});
  CHECK(extents(Eigen::RowVectorXf(5)) == Extents{5, 1});
  CHECK(extents(Eigen::Array<double, 2, 3>()) == Extents{3, 2});
  CHECK(testing::check_backend(Eigen::ArrayXd(Eigen::ArrayXd::Zero(13))) == nothing);
  CHECK(testing::check_backend(Eigen::Array22d(Eigen::Array22d::Zero())) == nothing);
}

TEMPLATE_TEST_CASE("an Eigen column is a HostState sample, with bit-identical noise", "", float,
                   double) {
  using X = Eigen::Array<TestType, Eigen::Dynamic, Eigen::Dynamic>;
  const Extents shape{5, 300};
  X x = state<X>(shape);
  HostState<TestType> host(shape);
  const NoiseDraw draw = Noise{.seed = 12, .first_sample = 3}.draw(9);
  backend(x).assign(x, std::span<const Term<X>>(), NoiseTerm{0.25, draw});
  backend(host).assign(host, std::span<const Term<HostState<TestType>>>(), NoiseTerm{0.25, draw});
  for (std::size_t k = 0; k < shape.samples; ++k)
    for (std::size_t e = 0; e < shape.dim; ++e)
      CHECK(x(Eigen::Index(e), Eigen::Index(k)) == host(k, e));
}

TEST_CASE("Eigen reductions do not depend on memory alignment") {
  const Eigen::ArrayXXf values = Eigen::ArrayXXf::Random(1001, 1);
  std::vector<double> norms;
  for (Eigen::Index offset = 0; offset < 3; ++offset) {
    // An odd number of rows misaligns the second column for every vector width.
    Eigen::ArrayXXf x = Eigen::ArrayXXf::Zero(1001, 3);
    x.col(offset) = values.col(0);
    double found[3];
    const Term<Eigen::ArrayXXf> term{1, &x};
    backend(x).norms(std::span<const Term<Eigen::ArrayXXf>>(&term, 1), found);
    norms.push_back(found[offset]);
  }
  CHECK(norms[0] == norms[1]);
  CHECK(norms[0] == norms[2]);
}

TEST_CASE("the Eigen backend rejects mismatched arguments") {
  using X = Eigen::ArrayXXd;
  X out = X::Zero(2, 3), other = X::Zero(3, 2);
  const std::vector<Term<X>> wrong{{1, &other}}, many(9, Term<X>{1, &out});
  CHECK_THROWS_WITH(
      backend(out).assign(out, std::span<const Term<X>>(wrong), NoiseTerm{}),
      "assign: a term has 2 samples of dimension 3 but another state has 3 of dimension 2");
  CHECK_THROWS_WITH(backend(out).assign(out, std::span<const Term<X>>(many), NoiseTerm{}),
                    "assign: 9 terms given; at most 8 are allowed");
  const std::vector<double> row(2, 1.0);
  const std::vector<SampleTerm<X>> short_row{{row, &out}};
  CHECK_THROWS_WITH(
      backend(out).assign(out, std::span<const SampleTerm<X>>(short_row), SampleNoise{}),
      "assign: 2 numbers per sample for 3 samples");
}

TEST_CASE(
    "thresholding and a prior mean give the same result for an Eigen array as for a host state") {
  const VeSde sde({.sigma_max = 4});
  Gaussian data(sde, std::vector<double>(6, 0.5), std::vector<double>(6, 0.8));
  DynamicallyThresholdedDenoiser limited(data, sde, {.quantile = 0.7});
  ClippedDenoiser clipped(limited, sde, {-0.5, 0.5});
  const PredictorCorrector sampler{WithPriorMean(sde, 0.5), Ancestral{}, NoCorrector{},
                                   uniform_grid(sde, 10)};
  HostState<float> host({3, 6});
  Eigen::ArrayXXf x = Eigen::ArrayXXf::Zero(6, 3);
  sampler.sample(clipped, host, Noise{.seed = 3});
  sampler.sample(clipped, x, Noise{.seed = 3});
  for (std::size_t i = 0; i < host.size(); ++i)
    CHECK(x.data()[i] == Approx(host.data()[i]).margin(1e-5));
}
