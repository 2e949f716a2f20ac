// SPDX-License-Identifier: MIT
/// DPS and MCG: the gradient against differences, exact measurements, batches.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include <scoresde/inverse/dense_operator.hpp>
#include <scoresde/inverse/detail/predicted_residual.hpp>
#include <scoresde/inverse/dps.hpp>
#include <scoresde/predictor/ancestral.hpp>
#include <scoresde/sampler/constraint.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/score/gaussian_mixture.hpp>
#include <scoresde/sde/vp_sde.hpp>

#include "inverse/gaussian_problem.hpp"
#include "support/catch.hpp"

using namespace scoresde;
using Batch = HostState<double>;

static_assert(Constraint<Dps<VpSde, DenseOperator, Batch>, Gaussian<VpSde>, Batch>);
static_assert(Constraint<Mcg<VpSde, DenseOperator, Batch>, Gaussian<VpSde>, Batch>);
static_assert(!Constraint<VpSde, Gaussian<VpSde>, Batch>);

namespace dps_test {

GaussianMixture<VpSde> mixture(const VpSde& sde) {
  return {sde, {0.4, 0.6}, {-1, 0.5, 0, 1, -0.5, 0.3}, {0.3, 0.2}};
}
const DenseOperator& op() {
  static const DenseOperator matrix({1, 0.5, -0.3, 0, 0.7, 1}, 2, 3);
  return matrix;
}

/// ‖y − A x̂₀(x, t)‖ of the first sample.
double residual_norm(const LinearProblem<DenseOperator, Batch>& problem, const Batch& x, double t) {
  const VpSde sde;
  auto model = mixture(sde);
  Batch output = x;
  model.evaluate(x, t, output);
  detail::PredictedResidual predicted(sde, problem);
  const Batch& r = predicted.residual("test", model, x, t, output);
  return std::hypot(r(0, 0), r(0, 1));
}

Batch sampled(std::size_t samples, std::uint32_t first) {
  const VpSde sde;
  auto model = mixture(sde);
  Batch y({samples, 2}), x({samples, 3});
  for (std::size_t k = 0; k < samples; ++k) y(k, 0) = 0.1 * static_cast<double>(first + k);
  const Noise noise{.seed = 6, .first_sample = first};
  const LinearProblem problem(op(), y, 0);
  Mcg constraint(sde, problem, 0.3);
  const PredictorCorrector sampler{sde, Ancestral{}, uniform_grid(sde, 20)};
  sampler.sample(model, x, noise, NoObserver{}, constraint);
  Batch found = y;
  op().apply(x, found);
  CHECK(gaussian_problem::difference(found, y) < 1e-13);
  return x;
}

}  // namespace dps_test

TEST_CASE("the step of DPS is the gradient of the residual's norm", "[inverse]") {
  const VpSde sde;
  auto model = dps_test::mixture(sde);
  const Batch y({1, 2}, {0.8, -0.4}), before({1, 3}, {0.3, -0.2, 0.7});
  const LinearProblem problem(dps_test::op(), y, 0.1);
  Dps dps(sde, problem, 0.25);
  Batch x({1, 3});
  dps.after_update(before, x, {0.3, 0.2}, model, NoiseDraw{});
  for (std::size_t e = 0; e < 3; ++e) {
    const double h = 1e-5;
    Batch up = before, down = before;
    up(0, e) += h;
    down(0, e) -= h;
    const double slope =
        (dps_test::residual_norm(problem, up, 0.3) - dps_test::residual_norm(problem, down, 0.3)) /
        (2 * h);
    CHECK(x(0, e) == Approx(-0.25 * slope).epsilon(1e-7));
  }
}

TEST_CASE("DPS acts on steps towards the data only", "[inverse]") {
  const VpSde sde;
  auto model = dps_test::mixture(sde);
  const Batch y({1, 2}, {0.8, -0.4});
  Batch x({1, 3}, {0.3, -0.2, 0.7});
  const Batch before = x;
  const LinearProblem problem(dps_test::op(), y, 0.1);
  Dps dps(sde, problem, 0.25);
  dps.after_update(before, x, {0.3, 0.3}, model, NoiseDraw{});
  dps.after_update(before, x, {0.3, 0.4}, model, NoiseDraw{});
  CHECK(gaussian_problem::difference(x, before) == 0);
}

TEST_CASE("MCG reproduces its measurement, with the same bits in any batch", "[inverse]") {
  const Batch whole = dps_test::sampled(4, 0), part = dps_test::sampled(2, 2);
  CHECK(std::memcmp(whole.data() + 6, part.data(), 6 * sizeof(double)) == 0);
}

TEST_CASE("DPS and MCG reject bad input by name", "[inverse]") {
  using Catch::Matchers::Contains;
  const VpSde sde;
  auto model = dps_test::mixture(sde);
  Batch y({1, 2}), x({2, 3});
  const LinearProblem problem(dps_test::op(), y, 0.1);
  CHECK_THROWS_WITH(Dps(sde, problem, -1), Contains("DPS: scale is -1"));
  CHECK_THROWS_WITH(Mcg(sde, problem, 1), Contains("MCG: noise_std is 0.1"));
  Dps dps(sde, problem, 1);
  CHECK_THROWS_WITH(dps.after_update(x, x, {0.3, 0.2}, model, NoiseDraw{}),
                    Contains("DPS: the state has 2 samples"));
}
