// SPDX-License-Identifier: MIT
/// ΠGDM: exact posteriors on Gaussian data by exact moments, gradients, and what is rejected.
#include <cmath>
#include <cstddef>
#include <vector>

#include <scoresde/inverse/dense_operator.hpp>
#include <scoresde/inverse/detail/conjugate_gradients.hpp>
#include <scoresde/inverse/image_operators.hpp>
#include <scoresde/inverse/pigdm.hpp>
#include <scoresde/inverse/predicted_likelihood.hpp>
#include <scoresde/inverse/tweedie_likelihood.hpp>
#include <scoresde/predictor/ancestral.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/sampler/probability_flow.hpp>
#include <scoresde/score/gaussian_mixture.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/testing/convergence_order.hpp>

#include "inverse/gaussian_problem.hpp"
#include "support/catch.hpp"

using namespace scoresde;
using gaussian_problem::Problem;
using Batch = HostState<double>;

namespace pigdm_test {

/// The probability flow of the guided model over `samples` samples, as chain_moments takes it.
template <class I, bool tweedie>
struct Flow {
  static constexpr std::size_t buffers = 1;
  Problem problem;
  double data_variance;
  TimeGrid grid;

  [[nodiscard]] std::size_t nfe() const { return 0; }  // no draws
  template <class M, class N>
  void integrate(M& model, Batch& x, const N& noise, Workspace<Batch, 1>&) const {
    const VpSde sde;
    const DenseOperator op(problem.matrix, problem.rows(), problem.dim());
    const Batch y = problem.measurement(extents(x).samples);
    const LinearProblem linear(op, y, problem.noise_std);
    const ProbabilityFlow flow{sde, I{}, grid, {.final_step = FinalStep::keep_noise}};
    Workspace<Batch, decltype(flow)::buffers> work(x);
    if constexpr (tweedie) {
      auto guided = tweedie_pigdm(model, sde, linear);
      flow.integrate(guided, x, noise, work);
    } else {
      auto guided = pigdm(model, sde, linear, data_variance);
      flow.integrate(guided, x, noise, work);
    }
  }
};

/// Error of the moments at t = 0.02 from the exact ones at T, and the order that they fall with.
template <class I, bool tweedie>
double order(const Problem& p, double data_variance, std::initializer_list<std::size_t> steps) {
  const VpSde sde;
  Gaussian<VpSde> model(sde, p.mean, p.covariance);
  const auto start = gaussian_problem::diffused(p, sde, 1);
  const auto wanted = gaussian_problem::diffused(p, sde, 0.02);
  std::vector<testing::ConvergencePoint> points;
  for (const std::size_t n : steps) {
    const Flow<I, tweedie> flow{p, data_variance, uniform_grid(1, 0.02, n)};
    const auto bias =
        gaussian_problem::difference(testing::chain_moments(flow, model, start), wanted);
    points.push_back({static_cast<double>(n), std::hypot(bias.mean, bias.covariance)});
  }
  CAPTURE(points.front().error, points.back().error);
  return testing::observed_order(points).order;
}

/// A problem whose data have independent elements of one variance.
Problem isotropic_problem(double variance) {
  Problem p = gaussian_problem::problem(0.3);
  p.covariance.assign(16, 0);
  for (std::size_t i = 0; i < 4; ++i) p.covariance[5 * i] = variance;
  p.solve();
  return p;
}

}  // namespace pigdm_test

TEST_CASE("the bias of PiGDM with the true variance falls with the integrator's order",
          "[inverse]") {
  const Problem p = pigdm_test::isotropic_problem(0.7);
  CHECK(pigdm_test::order<Euler, false>(p, 0.7, {100, 200, 400, 800}) > 0.9);
  CHECK(pigdm_test::order<Heun, false>(p, 0.7, {50, 100, 200, 400}) > 1.8);
  CHECK(pigdm_test::order<RungeKutta4, false>(p, 0.7, {50, 100, 200}) > 3.5);
}

TEST_CASE("PiGDM with the covariance of the score is exact for any Gaussian data", "[inverse]") {
  const Problem p = gaussian_problem::problem(0.3);
  CHECK(pigdm_test::order<Heun, true>(p, 1, {50, 100, 200}) > 1.8);
  CHECK(pigdm_test::order<RungeKutta4, true>(p, 1, {50, 100, 200}) > 3.5);
}

TEST_CASE("PiGDM samples the posterior within 3 standard errors at 64 steps of order 4",
          "[inverse]") {
  const Problem p = pigdm_test::isotropic_problem(0.7);
  const VpSde sde;
  Gaussian<VpSde> model(sde, p.mean, p.covariance);
  const std::size_t n = 1000;
  const DenseOperator op(p.matrix, 2, 4);
  const Batch y = p.measurement(n);
  const LinearProblem problem(op, y, p.noise_std);
  auto guided = pigdm(model, sde, problem, 0.7);
  Batch x({n, 4});
  ProbabilityFlow{sde, RungeKutta4{}, quadratic_grid(sde, 64)}.sample(guided, x, Noise{.seed = 2});
  const auto found = gaussian_problem::sample_moments(x);
  for (std::size_t i = 0; i < 4; ++i) {
    const double variance = p.posterior_covariance[5 * i];
    CAPTURE(i, found.mean[i], p.posterior_mean[i], variance);
    CHECK(std::abs(found.mean[i] - p.posterior_mean[i]) < 3 * std::sqrt(variance / n));
    CHECK(std::abs(found.covariance[5 * i] - variance) < 3 * variance * std::sqrt(2.0 / n));
  }
}

TEST_CASE("PiGDM is stable by default where one variance of the data is far above the others",
          "[inverse]") {
  // As the mean color of images.
  const VpSde sde;
  Gaussian<VpSde> model(sde, {0, 0, 0}, {250, 0.25, 0.25});
  const Mask op(std::vector<int>{1, 1, 0});
  const Batch y({1, 2}, {12, 0.5});
  const LinearProblem problem(op, y, 0);
  const PredictorCorrector sampler{sde, Ancestral{}, quadratic_grid(sde, 50)};
  const auto error = [&](auto posterior) {
    Batch x({1, 3});
    sampler.sample(posterior, x, Noise{.seed = 3});
    return std::hypot(x(0, 0) - 12, x(0, 1) - 0.5);
  };
  CHECK(error(pigdm(model, sde, problem)) < 0.05);
  CHECK(error(pigdm(model, sde, problem, 250)) < 0.05);
  CHECK(!(error(pigdm(model, sde, problem, 1)) < 1000));
}

TEST_CASE("r squared approaches (std/mean)^2 as the variance of the data grows", "[inverse]") {
  const VpSde sde;
  const Mask op(std::vector<int>{1, 0});
  const Batch y({1, 1});
  const LinearProblem problem(op, y, 0);
  for (const double t : {1.0, 0.4, 1e-3}) {
    const auto [m, s] = sde.marginal_prob(t);
    const PredictedLikelihood flat(sde, problem), large(sde, problem, 1e12);
    CHECK(flat.r_squared(t) == Approx(s * s / (m * m)).epsilon(1e-14));
    CHECK(large.r_squared(t) == Approx(flat.r_squared(t)).epsilon(1e-6));
    CHECK(PredictedLikelihood(sde, problem, 0.5).r_squared(t) ==
          Approx(0.5 * s * s / (0.5 * m * m + s * s)).epsilon(1e-14));
  }
}

TEST_CASE("the gradient of the predicted likelihood is that of its density", "[inverse]") {
  const VpSde sde;
  GaussianMixture<VpSde> model(sde, {0.4, 0.6}, {-1, 0.5, 0, 1, -0.5, 0.3}, {0.3, 0.2});
  const DenseOperator op({1, 0.5, -0.3, 0, 0.7, 1}, 2, 3);
  const Batch y({1, 2}, {0.8, -0.4}), x({1, 3}, {0.3, -0.2, 0.7});
  const LinearProblem problem(op, y, 0.2);
  PredictedLikelihood likelihood(sde, problem, 0.6);
  std::vector<double> density(1);
  Batch output = x, gradient = x, ignored = x;
  const auto at = [&](const Batch& point) {
    model.evaluate(point, 0.3, output);
    likelihood.gradient(model, point, 0.3, output, ignored, density);
    return density[0];
  };
  model.evaluate(x, 0.3, output);
  likelihood.gradient(model, x, 0.3, output, gradient);
  for (std::size_t e = 0; e < 3; ++e) {
    Batch up = x, down = x;
    up(0, e) += 1e-5;
    down(0, e) -= 1e-5;
    CHECK(gradient(0, e) == Approx((at(up) - at(down)) / 2e-5).epsilon(1e-7));
  }
}

TEST_CASE("PiGDM gives a sample the same bits in any batch", "[inverse]") {
  const Problem p = gaussian_problem::problem(0.3);
  const VpSde sde;
  Gaussian<VpSde> model(sde, p.mean, p.covariance);
  const DenseOperator op(p.matrix, 2, 4);
  const auto sampled = [&](std::size_t samples, std::uint32_t first) {
    const Batch y = p.measurement(samples);
    const LinearProblem problem(op, y, p.noise_std);
    auto guided = tweedie_pigdm(model, sde, problem);
    Batch x({samples, 4});
    ProbabilityFlow{sde, Heun{}, uniform_grid(sde, 10)}.sample(
        guided, x, Noise{.seed = 2, .first_sample = first});
    return x;
  };
  const Batch whole = sampled(5, 0), part = sampled(2, 3);
  CHECK(std::equal(part.data(), part.data() + 8, whole.data() + 12));
}

TEST_CASE("conjugate gradients solve every system of a batch", "[inverse]") {
  // K = diag(1, 2, 3) + 1 1ᵀ; the second sample is 0.
  const auto map = [](const Batch& p, Batch& out) {
    for (std::size_t k = 0; k < 2; ++k)
      for (std::size_t e = 0; e < 3; ++e)
        out(k, e) = static_cast<double>(e + 1) * p(k, e) + p(k, 0) + p(k, 1) + p(k, 2);
  };
  const Batch b({2, 3}, {1, -2, 5, 0, 0, 0});
  Batch u({2, 3}), again = u;
  detail::ConjugateGradients<Batch> solver(10, 1e-14);
  CHECK(solver.solve(map, b, u) <= 4);
  map(u, again);
  CHECK(gaussian_problem::difference(again, b) < 1e-13);
  CHECK(u(1, 0) == 0);
}

TEST_CASE("PiGDM rejects bad input by name", "[inverse]") {
  using Catch::Matchers::Contains;
  const VpSde sde;
  Gaussian<VpSde> model(sde, {0, 0}, {1, 1});
  const DenseOperator singular({1, 2, 2, 4}, 2, 2);
  const Batch y({1, 2});
  const LinearProblem noiseless(singular, y, 0), noisy(singular, y, 0.1);
  CHECK_THROWS_WITH(pigdm(model, sde, noiseless), Contains("the operator is singular"));
  CHECK_NOTHROW(pigdm(model, sde, noisy));
  CHECK_THROWS_WITH(pigdm(model, sde, noisy, 0), Contains("data_variance is 0"));
  CHECK_THROWS_WITH(tweedie_pigdm(model, sde, noisy, {.tolerance = 1}), Contains("tolerance is 1"));
  CHECK_THROWS_WITH(detail::ConjugateGradients<Batch>(0, 0.1), Contains("iterations is 0"));
  auto guided = pigdm(model, sde, noisy);
  Batch x({2, 2}), output = x;
  CHECK_THROWS_WITH(guided.evaluate(x, 0.5, output),
                    Contains("predicted likelihood: the state has 2 samples"));
}
