// SPDX-License-Identifier: MIT
/// KnownMeasurement and Colorization: exact measurements, the law of the rest, batches.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include <scoresde/inverse/colorization.hpp>
#include <scoresde/inverse/dense_operator.hpp>
#include <scoresde/predictor/ancestral.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/sde/vp_sde.hpp>

#include "inverse/gaussian_problem.hpp"
#include "support/catch.hpp"

using namespace scoresde;

namespace colorization_test {

constexpr ImageShape shape{3, 2, 2};

/// Samples of N(0.2, 0.3 I) with the gray values 0.1·(pixel + first + k).
HostState<double> colorized(std::size_t samples, std::uint32_t first) {
  const VpSde sde;
  Gaussian<VpSde> model(sde, std::vector<double>(12, 0.2), std::vector<double>(12, 0.3));
  const Gray gray(shape);
  HostState<double> y({samples, 4}), x({samples, 12}), found = y;
  for (std::size_t k = 0; k < samples; ++k)
    for (std::size_t p = 0; p < 4; ++p) y(k, p) = 0.1 * static_cast<double>(p + first + k);
  const Noise noise{.seed = 4, .first_sample = first};
  Colorization<VpSde, HostState<double>> constraint(sde, gray, y);
  const PredictorCorrector sampler{sde, Ancestral{}, uniform_grid(sde, 20)};
  sampler.sample(model, x, noise, NoObserver{}, constraint);
  gray.apply(x, found);
  CHECK(gaussian_problem::difference(found, y) < 1e-15);
  return x;
}

/// The largest |A x − y| after a run with KnownMeasurement.
template <class A>
double residual(const A& op) {
  const VpSde sde;
  const std::size_t d = op.columns();
  Gaussian<VpSde> model(sde, std::vector<double>(d, 0.1), std::vector<double>(d, 0.5));
  HostState<double> y({2, op.rows()}), x({2, d}), found = y;
  assign(y, {}, {1, Noise{.seed = 5}.draw(9)});
  KnownMeasurement constraint(sde, op, y);
  const PredictorCorrector sampler{sde, Ancestral{}, uniform_grid(sde, 10)};
  sampler.sample(model, x, Noise{.seed = 5}, NoObserver{}, constraint);
  op.apply(x, found);
  return gaussian_problem::difference(found, y);
}

}  // namespace colorization_test

TEST_CASE("gray values equal the data to rounding after colorization", "[inverse]") {
  colorization_test::colorized(3, 0);
}

TEST_CASE("colorization gives a sample the same bits in any batch", "[inverse]") {
  const auto whole = colorization_test::colorized(4, 0), part = colorization_test::colorized(2, 2);
  CHECK(std::memcmp(whole.data() + 24, part.data(), 24 * sizeof(double)) == 0);
}

TEST_CASE("known measurements of every operator are exact in the end", "[inverse]") {
  CHECK(colorization_test::residual(Mask(std::vector<int>{1, 0, 1, 1, 0})) == 0);
  CHECK(colorization_test::residual(BlockMean({2, 2, 4}, 2)) < 1e-14);
  CHECK(colorization_test::residual(RandomProjection(3, 7, 2)) < 1e-14);
  CHECK(colorization_test::residual(DenseOperator({1, 2, 0, -1, 0.5, 1}, 2, 3)) < 1e-13);
}

TEST_CASE("a mask as an operator and a mask per element give the same samples", "[inverse]") {
  const VpSde sde;
  Gaussian<VpSde> model(sde, {0.1, 0.2, 0.3}, {1, 0.5, 2});
  HostState<double> mask({2, 3}, {1, 0, 1, 1, 0, 1}), data({2, 3}, {1, 0, 2, 3, 0, 4}),
      y({2, 2}, {1, 2, 3, 4}), x({2, 3}), other({2, 3});
  const Mask op(std::vector<int>{1, 0, 1});
  const PredictorCorrector sampler{sde, Ancestral{}, uniform_grid(sde, 10)};
  Inpainting by_element(sde, mask, data);
  KnownMeasurement by_operator(sde, op, y);
  sampler.sample(model, x, Noise{.seed = 1}, NoObserver{}, by_element);
  sampler.sample(model, other, Noise{.seed = 1}, NoObserver{}, by_operator);
  CHECK(gaussian_problem::difference(x, other) < 1e-13);
}

TEST_CASE("the start of colorization has the law of the diffused measurement", "[inverse]") {
  // x₀ with A x₀ = y exactly: A x_T ~ N(mean y, std² A Aᵀ), and the rest keeps the prior's law.
  const VpSde sde;
  const Gray gray(colorization_test::shape);
  const std::size_t n = 20'000;
  HostState<double> y({n, 4}), x({n, 12}), measured = y;
  for (std::size_t i = 0; i < y.size(); ++i) y.data()[i] = 40;
  draw_prior(x, 1, Noise{.seed = 8}.draw(0));
  Colorization<VpSde, HostState<double>> constraint(sde, gray, y);
  constraint.after_start(x, 1, Noise{.seed = 8}.draw(0));
  gray.apply(x, measured);
  const auto found = gaussian_problem::sample_moments(measured);
  const auto all = gaussian_problem::sample_moments(x);
  const double mean = 40 * sde.marginal_prob(1).mean, error = std::sqrt(1.0 / 3 / n);
  CHECK(std::abs(found.mean[0] - mean) < 4 * error);
  CHECK(std::abs(found.covariance[0] - 1.0 / 3) < 4 * std::sqrt(2.0 / n) / 3);
  CHECK(std::abs(all.covariance[0] - 1) < 4 * std::sqrt(2.0 / n));
  CHECK(std::abs(all.covariance[4]) < 4 / std::sqrt(double(n)));  // channels are independent
}

TEST_CASE("known measurements reject singular operators and other shapes", "[inverse]") {
  using Catch::Matchers::Contains;
  const VpSde sde;
  HostState<double> y({2, 2}), wrong({2, 3}), x({3, 2});
  const DenseOperator singular({1, 2, 2, 4}, 2, 2), op({1, 2, 0, 4}, 2, 2);
  CHECK_THROWS_WITH(KnownMeasurement(sde, singular, y),
                    Contains("known measurement: the operator is singular"));
  CHECK_THROWS_WITH(KnownMeasurement(sde, op, wrong), Contains("dimension 3"));
  KnownMeasurement constraint(sde, op, y);
  CHECK_THROWS_WITH(constraint.after_start(x, 1, Noise{}.draw(0)),
                    Contains("3 samples of dimension 2"));
}
