// SPDX-License-Identifier: MIT
/// DDRM: its limit where it is exact, its measurement, batches, and what is rejected.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include <scoresde/inverse/ddrm.hpp>
#include <scoresde/inverse/image_operators.hpp>
#include <scoresde/inverse/twisted_smc.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>

#include "inverse/gaussian_problem.hpp"
#include "support/catch.hpp"

using namespace scoresde;
using Batch = HostState<double>;

namespace ddrm_test {

/// A run of DDRM without noise in the measurement, for chain_moments. The measurement is the first
/// half of the coordinates.
template <class A>
struct Chain {
  static constexpr std::size_t buffers = 1;
  const A& op;
  std::vector<double> y;
  TimeGrid grid;
  DdrmOptions options;
  double noise_std = 0;

  [[nodiscard]] std::size_t nfe() const { return grid.size(); }
  template <class M, class N>
  void integrate(M& model, Batch& x, const N& noise, Workspace<Batch, 1>&) const {
    Batch measured({extents(x).samples, y.size()});
    for (std::size_t k = 0; k < extents(x).samples; ++k)
      for (std::size_t i = 0; i < y.size(); ++i) measured(k, i) = y[i];
    const LinearProblem problem(op, measured, noise_std);
    Ddrm(VpSde(), grid, options).integrate(model, problem, x, noise);
  }
};

}  // namespace ddrm_test

TEST_CASE("DDRM converges to the posterior for exact data and a covariance diagonal in V",
          "[inverse]") {
  const VpSde sde;
  // Elements 0 and 2, 1 and 3 are the channels of a pixel: the columns of V are (1, 1)/√2 of them,
  // and the covariance has these and (1, −1)/√2 as eigenvectors.
  const Gray op({2, 1, 2});
  Gaussian<VpSde> model(sde, {0.3, -0.2, 0.5, 0.1},
                        {1.0, 0, 0.4, 0, 0, 0.6, 0, -0.1, 0.4, 0, 1.0, 0, 0, -0.1, 0, 0.6});
  // Given the gray values, half the difference of the channels keeps its law.
  std::vector<double> errors;
  for (const std::size_t steps : {100, 200, 400}) {
    const ddrm_test::Chain<Gray> chain{op, {0.7, -0.4}, uniform_grid(sde, steps), {0, 1, 0}};
    const auto found = testing::chain_moments(
        chain, model, {model.marginal_mean(1), model.marginal_covariance(1)});
    CHECK(0.5 * (found.mean[0] + found.mean[2]) == Approx(0.7).epsilon(1e-12));
    CHECK(std::abs(found.mean[0] - found.mean[2] + 0.2) < 0.02);
    const double half = 0.25 * (found.covariance[0] + found.covariance[10] -
                                2 * found.covariance[2]);  // Var of half the difference: 0.3
    errors.push_back(std::abs(half - 0.3));
  }
  CAPTURE(errors);
  CHECK(errors[1] < 0.6 * errors[0]);
  CHECK(errors[2] < 0.6 * errors[1]);
  CHECK(errors[2] < 0.02);
}

TEST_CASE("DDRM reproduces a measurement without noise", "[inverse]") {
  const VeSde sde({.sigma_min = 0.01, .sigma_max = 20});
  Gaussian<VeSde> model(sde, std::vector<double>(6, 0.2), std::vector<double>(6, 0.4));
  const Blur op({1, 2, 3}, {0.2, 0.6, 0.2});
  Batch y({3, 6}), x({3, 6}), found = y;
  assign(y, {}, {1, Noise{.seed = 1}.draw(5)});
  const LinearProblem problem(op, y, 0);
  const auto done = Ddrm(sde, uniform_grid(sde, 20)).sample(model, problem, x, Noise{.seed = 2});
  CHECK(done.nfe == 20);
  op.apply(x, found);
  CHECK(gaussian_problem::difference(found, y) < 1e-12);
}

TEST_CASE("DDRM gives a sample the same bits in any batch", "[inverse]") {
  const VpSde sde;
  Gaussian<VpSde> model(sde, {0.1, 0.2, 0.3, 0.4}, {1, 0.5, 0.25, 1});
  const BlockMean op({1, 2, 2}, 2);
  const auto sampled = [&](std::size_t samples, std::uint32_t first) {
    Batch y({samples, 1}), x({samples, 4});
    for (std::size_t k = 0; k < samples; ++k) y(k, 0) = 0.1 * static_cast<double>(first + k);
    const LinearProblem problem(op, y, 0.1);
    Ddrm(sde, uniform_grid(sde, 8))
        .sample(model, problem, x, Noise{.seed = 2, .first_sample = first});
    return x;
  };
  const Batch whole = sampled(5, 0), part = sampled(2, 3);
  CHECK(std::memcmp(whole.data() + 12, part.data(), 8 * sizeof(double)) == 0);
}

TEST_CASE("observers see every step of DDRM and of twisted SMC, and can stop them", "[inverse]") {
  struct Count {
    std::size_t stop_after = 100, steps = 0, finished = 0;
    double last = 0;
    StepAction on_step(const ObservedStep&, const Batch& x) {
      last = x(0, 0);
      return ++steps == stop_after ? StepAction::stop : StepAction::proceed;
    }
    void on_finish(const Batch&) { ++finished; }
  };
  const VpSde sde;
  Gaussian<VpSde> model(sde, {0.1, 0.2}, {1, 0.5});
  const Mask op(std::vector<int>{1, 0});
  const Batch y({4, 1}, {0.5, 0.5, 0.5, 0.5});
  Batch x({4, 2});
  const LinearProblem problem(op, y, 0.1);
  const Ddrm ddrm(sde, uniform_grid(sde, 6));
  const TwistedSmc smc(sde, uniform_grid(sde, 6), {.particles = 4});
  Count all, some{.stop_after = 2}, of_smc, some_of_smc{.stop_after = 3};
  CHECK(ddrm.sample(model, problem, x, Noise{}, all).nfe == 6);
  CHECK(all.last == x(0, 0));
  CHECK(ddrm.sample(model, problem, x, Noise{}, some).nfe == 2);
  CHECK(some.last == x(0, 0));
  CHECK(smc.sample(model, problem, x, Noise{}, of_smc).statistics.nfe == 7);
  const TwistedSmcResult stopped = smc.sample(model, problem, x, Noise{}, some_of_smc);
  CHECK(stopped.statistics.nfe == 4);
  CHECK(some_of_smc.last == x(0, 0));
  CHECK(stopped.weights[0] + stopped.weights[1] + stopped.weights[2] + stopped.weights[3] ==
        Approx(1));
  for (const Count& count : {all, some, of_smc, some_of_smc}) CHECK(count.finished == 1);
  CHECK(of_smc.steps == 6);
}

TEST_CASE("DDRM rejects bad input by name", "[inverse]") {
  using Catch::Matchers::Contains;
  const VpSde sde;
  CHECK_THROWS_WITH(Ddrm(sde, uniform_grid(sde, 4).reversed()), Contains("time must decrease"));
  CHECK_THROWS_WITH(Ddrm(sde, uniform_grid(sde, 4), {.eta_b = 2}), Contains("an eta is 2"));
  CHECK_THROWS_WITH(Ddrm(sde, uniform_grid(2, 0.1, 4)), Contains("[0, T]") || Contains("(0, T]"));
  Gaussian<VpSde> model(sde, {0, 0}, {1, 1});
  const Mask op(std::vector<int>{1, 0});
  const Batch y({1, 1});
  Batch x({2, 2});
  const LinearProblem problem(op, y, 0.1);
  CHECK_THROWS_WITH(Ddrm(sde, uniform_grid(sde, 4)).sample(model, problem, x, Noise{}),
                    Contains("DDRM: the state has 2 samples"));
}
