// SPDX-License-Identifier: MIT
/// The exact Gaussian and mixture scores: properties, moments, flow map and errors.
#include <cmath>
#include <limits>
#include <vector>

#include <scoresde/score/gaussian.hpp>
#include <scoresde/score/gaussian_mixture.hpp>
#include <scoresde/score/score_model.hpp>
#include <scoresde/score/symmetric_eigen.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/testing/score_laws.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using X = HostState<double>;

namespace {

const std::vector<double> mean{0.5, -1, 2};
const std::vector<double> covariance{2, 0.6, -0.3, 0.6, 1, 0.2, -0.3, 0.2, 0.5};
const X points({2, 3}, {0.3, -1.2, 0.8, 2.0, 0.1, -0.4});

template <class M>
void keeps_laws(M model) {
  for (const double t : {0.02, 0.3, 1.0})
    for (const auto& law : testing::check_score_laws(model, points, t)) FAIL_CHECK(law);
}

template <class S>
void exact_models_keep_laws(const S& sde) {
  keeps_laws(Gaussian(sde, mean, covariance));
  keeps_laws(Gaussian(sde, mean, {0.3, 1, 4}));
  keeps_laws(GaussianMixture(sde, {0.2, 0.8}, {0, 1, 2, -1, 0.5, 0}, {0.5, 2}));
  keeps_laws(GaussianMixture(sde, {0.2, 0.8}, {0, 1, 2, -1, 0.5, 0}, {0.5, 2, 1, 0.3, 1, 0.2}));
}

}  // namespace

TEST_CASE("the exact scores satisfy the properties of score models under every SDE") {
  exact_models_keep_laws(VpSde());
  exact_models_keep_laws(VeSde());
  exact_models_keep_laws(SubVpSde());
}

TEST_CASE("the eigendecomposition reproduces the matrix") {
  const auto [values, q] = symmetric_eigen(covariance, 3);
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < 3; ++j) {
      double sum = 0, orthogonal = 0;
      for (std::size_t l = 0; l < 3; ++l) {
        sum += q[l * 3 + i] * values[l] * q[l * 3 + j];
        orthogonal += q[i * 3 + l] * q[j * 3 + l];
      }
      CHECK(sum == Approx(covariance[i * 3 + j]).epsilon(1e-14).margin(1e-15));
      CHECK(orthogonal == Approx(i == j).margin(1e-15));
    }
}

TEST_CASE("a mixture of one component is a Gaussian") {
  Gaussian single(VpSde(), mean, {0.3, 1, 4});
  GaussianMixture one(VpSde(), {5}, mean, {0.3, 1, 4});
  X a(points.extents()), b(points.extents());
  single.evaluate(points, 0.4, a);
  one.evaluate(points, 0.4, b);
  for (std::size_t i = 0; i < a.size(); ++i)
    CHECK(a.data()[i] == Approx(b.data()[i]).epsilon(1e-13));
  const std::vector<double> x{0.1, 0.2, 0.3};
  CHECK(single.log_density(x, 0.4) == Approx(one.log_density(x, 0.4)).epsilon(1e-13));
}

TEST_CASE("moments of p_t are the scaled moments of the data plus noise") {
  const MarginalProb p = SubVpSde().marginal_prob(0.3);
  Gaussian single(SubVpSde(), mean, covariance);
  CHECK(single.marginal_mean(0.3)[2] == Approx(p.mean * 2));
  const auto c = single.marginal_covariance(0.3);
  for (std::size_t i = 0; i < 9; ++i)
    CHECK(c[i] == Approx(p.mean * p.mean * covariance[i] + (i % 4 == 0 ? p.std * p.std : 0))
                      .epsilon(1e-13)
                      .margin(1e-15));
  // Two equal halves at ±1 have mean 0 and add 1 to the variance of the components.
  const double std = VeSde().marginal_prob(0.3).std;
  const GaussianMixture two(VeSde(), {1, 1}, {-1, 1}, {0.25, 0.25});
  CHECK(two.marginal_mean(0.3)[0] == 0);
  CHECK(two.marginal_covariance(0.3)[0] == Approx(1.25 + std * std).epsilon(1e-14));
}

TEST_CASE("the flow map is a group and maps p_t to p_u") {
  Gaussian data(VpSde(), mean, covariance);
  X there = points, back = points, direct = points;
  data.flow(points, 1e-3, 0.4, there);
  data.flow(there, 0.4, 1, there);
  data.flow(points, 1e-3, 1, direct);
  data.flow(direct, 1, 1e-3, back);
  for (std::size_t i = 0; i < points.size(); ++i) {
    CHECK(there.data()[i] == Approx(direct.data()[i]).epsilon(1e-12));
    CHECK(back.data()[i] == Approx(points.data()[i]).epsilon(1e-11));
  }
  // Along this linear flow the density changes by the same factor at every point.
  const auto row = [](const X& x, std::size_t k) {
    return std::vector<double>(x[k].begin(), x[k].end());
  };
  const double first = data.log_density(row(direct, 0), 1) - data.log_density(row(points, 0), 1e-3);
  const double second =
      data.log_density(row(direct, 1), 1) - data.log_density(row(points, 1), 1e-3);
  CHECK(first == Approx(second).epsilon(1e-10));
}

TEST_CASE("a mixture far from all its components has a finite score") {
  GaussianMixture far(VpSde(), {0.5, 0.5}, {-1, 1}, {1e-6, 1e-6});
  const X x({1, 1}, std::vector<double>{300});
  X score({1, 1});
  far.evaluate(x, 1e-3, score);
  CHECK(std::isfinite(score(0, 0)));
  CHECK(score(0, 0) < 0);
}

TEST_CASE("float states have the score of their values") {
  Gaussian data(VpSde(), mean, covariance);
  HostState<float> x({2, 3}), score({2, 3});
  for (std::size_t i = 0; i < 6; ++i) x.data()[i] = static_cast<float>(points.data()[i]);
  X exact({2, 3});
  data.evaluate(points, 0.5, exact);
  data.evaluate(x, 0.5, score);
  for (std::size_t i = 0; i < 6; ++i)
    CHECK(double(score.data()[i]) == Approx(exact.data()[i]).epsilon(1e-6));
}

TEST_CASE("invalid distributions and states of another dimension are rejected") {
  CHECK_THROWS_AS(Gaussian(VpSde(), {0, 0}, {1, 1, 1}), Error);
  CHECK_THROWS_AS(Gaussian(VpSde(), {0, 0}, {1, -1}), Error);
  CHECK_THROWS_AS(Gaussian(VpSde(), {0, 0}, {1, 0.5, 0.4, 1}), Error);
  CHECK_THROWS_AS(Gaussian(VpSde(), {0, 0}, {1, 2, 2, 1}), Error);
  CHECK_THROWS_AS(Gaussian(VpSde(), {0}, {std::numeric_limits<double>::infinity()}), Error);
  CHECK_THROWS_AS(GaussianMixture(VpSde(), {-1, 2}, {0, 1}, {1, 1}), Error);
  CHECK_THROWS_AS(GaussianMixture(VpSde(), {0, 0}, {0, 1}, {1, 1}), Error);
  CHECK_THROWS_AS(GaussianMixture(VpSde(), {1, 1}, {0, 1, 2}, {1, 1}), Error);
  Gaussian data(VpSde(), mean, covariance);
  X narrow({1, 2});
  CHECK_THROWS_WITH(data.evaluate(narrow, 0.5, narrow), Catch::Matchers::Contains("dimension 2"));
}
